import type { ServerResponse } from "node:http";
import { StoreError } from "../../base/errors.ts";

export function isStreamed(
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined,
): body is AsyncIterable<Uint8Array> {
  return body !== undefined && !(body instanceof Uint8Array);
}

/**
 * Sends a streamed body at the peer's pace. The head waits for the first chunk and leaves in one write with it; the
 * iteration is ended (its `finally` runs) on every way out. Throws where the body failed or the peer left: then the
 * connection is of no more use.
 */
export async function sendStream(
  response: ServerResponse,
  status: number,
  headers: readonly string[],
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  const length = statedLength(headers);
  let sent = 0;
  for await (const chunk of body) {
    if (response.destroyed) throw new StoreError("cancelled", "the client left");
    if (!response.headersSent) response.writeHead(status, headers as string[]); // not changed there
    sent += chunk.length;
    if (sent > length) throw new Error(`a body of ${length} bytes went on`);
    if (sent === length) response.end(chunk);
    else if (!response.write(chunk)) await drained(response);
  }
  if (!response.headersSent) response.writeHead(status, headers as string[]); // not changed there
  if (Number.isFinite(length) && sent < length) {
    throw new Error(`a body of ${length} bytes ended after ${sent}`);
  }
  if (!response.writableEnded) response.end();
}

function statedLength(headers: readonly string[]): number {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() === "content-length") return Number(headers[i + 1]);
  }
  return Number.POSITIVE_INFINITY;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = (): void => {
      response.off("close", onClose);
      resolve();
    };
    const onClose = (): void => {
      response.off("drain", onDrain);
      reject(new StoreError("cancelled", "the client left"));
    };
    response.once("drain", onDrain).once("close", onClose);
    if (response.destroyed) onClose();
  });
}

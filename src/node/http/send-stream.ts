import type { ServerResponse } from "node:http";
import { StoreError } from "../../base/errors.ts";
import type { Transfer } from "./peer-watch.ts";

export function isStreamed(
  body: Uint8Array | AsyncIterable<Uint8Array> | undefined,
): body is AsyncIterable<Uint8Array> {
  return body !== undefined && !(body instanceof Uint8Array);
}

export interface AnswerHead {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/**
 * Sends a streamed body at the peer's pace: the next chunk is asked for when the last one has left this process, and
 * the end too, so that who owns the chunks may count on it. The head waits for the first chunk and leaves in one write with
 * it; the iteration is ended (its `finally` runs) on every way out. Throws where the body failed or the peer left: then
 * the connection is of no more use.
 *
 * @param pieceBytes what the peer must take at a time; `transfer` watches that it does.
 */
export async function sendStream(
  response: ServerResponse,
  { status, headers }: AnswerHead,
  body: AsyncIterable<Uint8Array>,
  pieceBytes: number,
  transfer: Transfer,
): Promise<void> {
  const length = statedLength(headers);
  let sent = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += pieceBytes) {
      if (response.destroyed) throw peerLeft();
      if (!response.headersSent) response.writeHead(status, headers as string[]); // not changed there
      const piece = chunk.subarray(at, at + pieceBytes);
      sent += piece.length;
      if (sent > length) throw new Error(`a body of ${length} bytes went on`);
      if (sent === length) await ended(response, piece, transfer);
      else if (!response.write(piece)) await taken(response, "drain", transfer);
    }
  }
  if (!response.headersSent) response.writeHead(status, headers as string[]); // not changed there
  if (Number.isFinite(length) && sent < length) {
    throw new Error(`a body of ${length} bytes ended after ${sent}`);
  }
  if (!response.writableEnded) await ended(response, undefined, transfer);
}

function statedLength(headers: readonly string[]): number {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() === "content-length") return Number(headers[i + 1]);
  }
  return Number.POSITIVE_INFINITY;
}

function ended(
  response: ServerResponse,
  last: Uint8Array | undefined,
  transfer: Transfer,
): Promise<void> {
  response.end(last);
  return taken(response, "finish", transfer);
}

/** Until the peer, or the kernel for it, has what was written. */
function taken(
  response: ServerResponse,
  event: "drain" | "finish",
  transfer: Transfer,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onTaken = (): void => {
      response.off("close", onClose);
      transfer.moved(1);
      transfer.rest();
      resolve();
    };
    const onClose = (): void => {
      response.off(event, onTaken);
      transfer.rest();
      reject(peerLeft());
    };
    transfer.wait();
    response.once(event, onTaken).once("close", onClose);
    if (response.destroyed) onClose();
  });
}

const peerLeft = (): StoreError => new StoreError("cancelled", "the client left");

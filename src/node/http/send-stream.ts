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
      else await written(response, piece, transfer);
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
  return taken(response, transfer, (done) => response.end(last, done));
}

/**
 * `write` says "go on" while little waits in this process, which does not mean that nothing of this piece does: only its
 * callback says that.
 */
function written(response: ServerResponse, piece: Uint8Array, transfer: Transfer): Promise<void> {
  return taken(response, transfer, (done) => response.write(piece, done));
}

/** Until the peer, or the kernel for it, has what `send` sends. */
function taken(
  response: ServerResponse,
  transfer: Transfer,
  send: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (isTaken: boolean): void => {
      response.off("close", onClose);
      if (isTaken) transfer.moved(1);
      transfer.rest();
      if (isTaken) resolve();
      else reject(peerLeft());
    };
    const onClose = (): void => settle(false);
    transfer.wait();
    response.once("close", onClose);
    send((error) => settle(error === undefined || error === null));
    if (response.destroyed) onClose();
  });
}

const peerLeft = (): StoreError => new StoreError("cancelled", "the client left");

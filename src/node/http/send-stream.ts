import type { Socket } from "node:net";
import type { AnswerHead, AnswerWriter } from "./answer-writer.ts";
import { peerLeft } from "./incoming-request.ts";
import type { PeerPace } from "./peer-pace.ts";

export interface StreamTarget {
  readonly socket: Socket;
  readonly writer: AnswerWriter;
  /** The most bytes that the peer must take at a time. */
  readonly pieceBytes: number;
  /** Watches that the peer takes them. */
  readonly pace: PeerPace;
}

/**
 * Sends a streamed body at the peer's pace: the next part of it is asked for when the last one has
 * left this process, or was copied, so that who owns the bytes may use their memory again. The head
 * leaves in one write with the first part; the iteration is ended (its `finally` runs) on every
 * way out. Throws where the body failed or the peer left: then the connection is of no more use.
 */
export async function sendStream(
  target: StreamTarget,
  { text, framing, bodyBytes }: AnswerHead,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { pieceBytes } = target;
  const length = framing === "length" ? bodyBytes : Number.POSITIVE_INFINITY;
  let head = text;
  let sent = 0;
  for await (const bytes of body) {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (target.socket.destroyed) throw peerLeft();
      const piece =
        at === 0 && bytes.length <= pieceBytes ? bytes : bytes.subarray(at, at + pieceBytes);
      sent += piece.length;
      if (sent > length) throw new Error(`a body of ${length} bytes is longer than announced`);
      const mayGoOn =
        framing === "chunked"
          ? target.writer.write(
              target.socket,
              `${head}${piece.length.toString(16)}\r\n`,
              piece,
              "\r\n",
            )
          : target.writer.write(target.socket, head, piece);
      head = "";
      if (!mayGoOn) await written(target);
    }
  }
  if (framing === "length" && sent < length) {
    throw new Error(`a body of ${length} bytes ended after ${sent}`);
  }
  const end = framing === "chunked" ? `${head}0\r\n\r\n` : head;
  if (target.socket.destroyed) throw peerLeft();
  if (end !== "" && !target.writer.write(target.socket, end)) await written(target);
}

/** Resolves when the peer, or the kernel for it, has all that was written. */
function written({ socket, pace }: StreamTarget): Promise<void> {
  pace.wait();
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      socket.off("drain", settle).off("close", settle);
      pace.rest();
      if (socket.destroyed) return reject(peerLeft());
      pace.moved(1);
      resolve();
    };
    socket.on("drain", settle).on("close", settle);
  });
}

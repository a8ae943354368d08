import type { Duplex } from "node:stream";
import { type BareAnswer, rawAnswer } from "./bare-answer.ts";

const answers: Readonly<Record<string, BareAnswer>> = {
  HPE_HEADER_OVERFLOW: "headersTooLarge",
  ERR_HTTP_REQUEST_TIMEOUT: "timeout",
};

/**
 * What could not be parsed, or took too long: an answer, a moment for the peer to read it, and the end. Where an answer
 * is on its way already there is nothing to add, and where TLS failed there is no way to say it.
 */
export function refuseUnparsed(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  lingerMs: number,
): void {
  const { code = "" } = error;
  const answering = "_httpMessage" in socket && socket._httpMessage !== null;
  const isOfHttp = code.startsWith("HPE_") || code in answers;
  if (!socket.writable || answering || !isOfHttp) {
    socket.destroy();
    return;
  }
  socket.end(rawAnswer(answers[code] ?? "malformed"));
  const late = setTimeout(() => socket.destroy(), lingerMs);
  socket.resume().once("close", () => clearTimeout(late));
}

import type { Duplex } from "node:stream";
import { PayloadError } from "../../auth/payload-error.ts";
import { type BareAnswer, rawAnswer } from "./bare-answer.ts";

/*
 * What came on a connection can't be read: it is no HTTP, too long, too slow, or it ended within a request. The parser
 * stays in that state, and says so again for whatever else arrives.
 */

const answers: Readonly<Record<string, BareAnswer>> = {
  HPE_HEADER_OVERFLOW: "headersTooLarge",
  ERR_HTTP_REQUEST_TIMEOUT: "timeout",
};

/** As node:http tells it; `reason` is the parser's own. */
interface ParseError extends NodeJS.ErrnoException {
  readonly reason?: string | undefined;
}

/** Where nothing was being read: the answer to what could not be. Undefined: there is no way to say anything. */
export function answerTo({ code = "", reason = "" }: ParseError): BareAnswer | undefined {
  // The peer is gone, or TLS failed.
  if (!code.startsWith("HPE_") && !(code in answers)) return undefined;
  // With a Content-Length beside it the code is the same.
  if (/invalid `Transfer-Encoding`/i.test(reason)) return "transferEncoding";
  return answers[code] ?? "malformed";
}

/** What becomes of a body that was being read. */
export function bodyFailure({ code }: NodeJS.ErrnoException): PayloadError {
  return code === "HPE_INVALID_EOF_STATE"
    ? new PayloadError("incomplete", "The connection was closed before the end of the body.")
    : new PayloadError("framing", "The body's transfer encoding is not well-formed.");
}

/** An answer, a moment for the peer to read it while what it sends is thrown away, and the end. */
export function endConnection(
  socket: Duplex,
  answer: BareAnswer | undefined,
  lingerMs: number,
): void {
  if (socket.writableEnded) return; // it is under way already
  if (answer === undefined) socket.end();
  else socket.end(rawAnswer(answer));
  const late = setTimeout(() => socket.destroy(), lingerMs);
  socket.resume().once("close", () => clearTimeout(late));
}

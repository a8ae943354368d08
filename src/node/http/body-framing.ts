import type { Headers } from "../../platform/http.ts";

/** How a request's body is delimited, and what its client wants of the connection. */
export interface BodyFraming {
  /** Bytes of the body; undefined: it is chunked. */
  readonly bodyBytes: number | undefined;
  /** Whether the client may send another request on this connection. */
  readonly keepsAlive: boolean;
  /** Whether it waits for 100 Continue before it sends the body. What else it may expect is ignored. */
  readonly expectsContinue: boolean;
}

/**
 * @limit Digits of the largest length taken: 10^15 bytes stay exact in a number, and S3's objects
 * are far smaller.
 */
const lengthDigitsMax = 15;

/**
 * RFC 9112, 6.3, without its leniency: one length or one coding, each once. What was sent twice is joined by commas, which
 * neither has; nor has Host, of which a proxy in front may have read the other one.
 */
export function framingOf(
  headers: Headers,
  isVersion10: boolean,
): BodyFraming | "malformed" | "transferEncoding" {
  const host = headers.get("host");
  if (host === undefined ? !isVersion10 : host.includes(",")) return "malformed";
  const bodyBytes = lengthOf(headers.get("content-length"), headers.get("transfer-encoding"));
  if (typeof bodyBytes === "string") return bodyBytes;
  const connection = headers.get("connection");
  const keepsAlive =
    connection === undefined
      ? !isVersion10
      : !hasToken(connection, "close") && (!isVersion10 || hasToken(connection, "keep-alive"));
  const expected = isVersion10 ? undefined : headers.get("expect");
  const expectsContinue = expected !== undefined && hasToken(expected, "100-continue");
  return { bodyBytes, keepsAlive, expectsContinue };
}

function lengthOf(
  length: string | undefined,
  coding: string | undefined,
): number | undefined | "malformed" | "transferEncoding" {
  if (coding !== undefined) {
    if (length !== undefined) return "malformed";
    // What is in another coding would be stored in it.
    return coding.toLowerCase() === "chunked" ? undefined : "transferEncoding";
  }
  if (length === undefined) return 0;
  return /^\d+$/.test(length) && length.length <= lengthDigitsMax ? Number(length) : "malformed";
}

/** Whether a list of the header's has this token. */
function hasToken(value: string, token: string): boolean {
  if (value === token) return true;
  return value
    .toLowerCase()
    .split(/[\s,]+/)
    .includes(token);
}

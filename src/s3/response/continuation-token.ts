import { decodeUtf8, encodeUtf8, fromBase64, toBase64, tryDecodeUtf8 } from "../../base/bytes.ts";
import { invalidArgument } from "../errors.ts";

/** Where a listing goes on, in a form whose first character is its version; opaque to clients. */
const version = "1";

export function encodeContinuationToken(after: Uint8Array): string {
  const base64 = toBase64(after).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return version + base64;
}

/** A token from an earlier page; InvalidArgument for anything else. Undefined where there is none. */
export function decodeContinuationToken(token: string | undefined): Uint8Array | undefined {
  if (token === undefined) return undefined;
  const base64 = token.slice(1).replaceAll("-", "+").replaceAll("_", "/");
  const padded = base64.padEnd(Math.ceil(base64.length / 4) * 4, "=");
  const after = token.startsWith(version) ? fromBase64(padded) : undefined;
  if (after !== undefined && after.length > 0 && tryDecodeUtf8(after) !== undefined) return after;
  const message = "The continuation token provided is incorrect";
  throw invalidArgument("continuation-token", token, message);
}

export function encodeNameToken(after: string): string {
  return encodeContinuationToken(encodeUtf8(after));
}

export function decodeNameToken(token: string | undefined): string | undefined {
  const after = decodeContinuationToken(token);
  return after && decodeUtf8(after);
}

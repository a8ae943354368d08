import type { Verified } from "../auth/claim.ts";
import { checkSha256 } from "../auth/decode-payload.ts";
import { concatBytes, tryDecodeUtf8 } from "../base/bytes.ts";
import { BodyFault } from "../platform/body-fault.ts";
import type { HttpRequest } from "../platform/http.ts";
import type { Platform } from "../platform/platform.ts";
import { type AdminRefusal, refusePage } from "./root-only.ts";

/** @limit What is sent to an admin page is some 400 bytes. */
const bodyBytesMax = 4096;

/**
 * The fields of these names in a JSON object, which must be just what was signed. All are texts;
 * those that are not given are left out, and all else is passed over.
 */
export async function readSignedFields<Name extends string>(
  { hash }: Pick<Platform, "hash">,
  request: HttpRequest,
  { payload }: Verified,
  names: readonly Name[],
): Promise<Partial<Record<Name, string>> | AdminRefusal> {
  if (payload.kind !== "signed")
    return refusePage(
      "invalid",
      "the body is not signed: send its SHA-256 in x-amz-content-sha256",
    );
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  let body: Uint8Array;
  try {
    for await (const piece of request.body) {
      bytes += piece.length;
      if (bytes > bodyBytesMax)
        return refusePage("tooLarge", `a body has at most ${bodyBytesMax} bytes`);
      pieces.push(piece);
    }
    body = concatBytes(pieces);
    checkSha256(payload, hash.digest("sha256", body));
  } catch (thrown) {
    if (thrown instanceof BodyFault) return refusePage("invalid", thrown.message);
    throw thrown;
  }
  const object = parseObject(tryDecodeUtf8(body) ?? "");
  if (object === undefined) return refusePage("invalid", "the body is not a JSON object");
  const fields: Partial<Record<Name, string>> = {};
  for (const name of names) {
    const value = Object.hasOwn(object, name) ? object[name] : undefined;
    if (typeof value === "string") fields[name] = value;
    else if (value !== undefined) return refusePage("invalid", `${name} is not a string`);
  }
  return fields;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined; // just seen to be one
  } catch {
    return undefined;
  }
}

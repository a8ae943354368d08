/** Signature V2 itself, as S3's oldest clients and forms still use it. */
import { toBase64 } from "../base/bytes.ts";
import type { Hash } from "../platform/hash.ts";
import { wireBytes } from "./canonical-request.ts";

/** The signature of a text that is one byte a character: HMAC-SHA1 with the secret itself, in base64. */
export function signatureV2(hash: Hash, secretAccessKey: string, text: string): string {
  return toBase64(hash.hmacSha1(wireBytes(secretAccessKey), wireBytes(text)));
}

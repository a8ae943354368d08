import { signatureV2 } from "../../auth/signature-v2.ts";
import { deriveSigningKey } from "../../auth/signature-v4.ts";
import { formatTimestamp } from "../../auth/request-time.ts";
import { concatBytes, encodeUtf8, toBase64 } from "../../base/bytes.ts";
import type { Hash } from "../../platform/hash.ts";
import type { TestRequest } from "./test-s3.ts";

export type Fields = Readonly<Record<string, string>>;

export interface TestPart {
  readonly name: string;
  readonly filename?: string | undefined;
  readonly bytes: Uint8Array;
}

export const testBoundary = "----boundary7MA4YWxk";

/** Encodes a form as browsers do. */
export function encodeForm(parts: readonly TestPart[], boundary = testBoundary): Uint8Array {
  const pieces = parts.flatMap(({ name, filename, bytes }) => {
    const file = filename === undefined ? "" : `; filename="${filename}"`;
    const head = `Content-Disposition: form-data; name="${name}"${file}`;
    return [encodeUtf8(`--${boundary}\r\n${head}\r\n\r\n`), bytes, encodeUtf8("\r\n")];
  });
  return concatBytes([...pieces, encodeUtf8(`--${boundary}--\r\n`)]);
}

/** Fields in their order, then the file. */
export function formParts(
  fields: Fields,
  file: string | Uint8Array,
  filename = "file.txt",
): TestPart[] {
  const parts = Object.entries(fields).map(([name, value]) => {
    return { name, bytes: encodeUtf8(value) };
  });
  const bytes = typeof file === "string" ? encodeUtf8(file) : file;
  return [...parts, { name: "file", filename, bytes }];
}

/** A POST of these parts to the bucket, signed by nothing but what is in them. */
export function formRequest(parts: readonly TestPart[], target = "/bucket"): TestRequest {
  return {
    method: "POST",
    target,
    signature: "none",
    headers: [["content-type", `multipart/form-data; boundary=${testBoundary}`]],
    body: encodeForm(parts),
  };
}

const accessKeyId = "root";
const secretAccessKey = "secret";

/** The fields of a policy signed as boto3 does it, at this time. */
export function signPolicyV4(hash: Hash, nowMs: number, conditions: readonly unknown[]): Fields {
  const timestamp = formatTimestamp(nowMs);
  const date = timestamp.slice(0, 8);
  const signing = {
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": `${accessKeyId}/${date}/us-east-1/s3/aws4_request`,
    "x-amz-date": timestamp,
  };
  const all = [
    ...conditions,
    ...Object.entries(signing).map(([name, value]) => ({ [name]: value })),
  ];
  const policy = policyText(nowMs, all);
  const key = deriveSigningKey(hash, secretAccessKey, { date, region: "us-east-1" });
  return { ...signing, policy, "x-amz-signature": hash.hmacSha256Text(key, policy) };
}

/** The same in Signature V2, of a whole document, so that it can be a wrong one. */
export function signPolicyV2(hash: Hash, document: unknown): Fields {
  const policy = toBase64(encodeUtf8(JSON.stringify(document)));
  const signature = signatureV2(hash, secretAccessKey, policy);
  return { AWSAccessKeyId: accessKeyId, policy, signature };
}

function policyText(nowMs: number, conditions: readonly unknown[]): string {
  const expiration = new Date(nowMs + 3_600_000).toISOString();
  return toBase64(encodeUtf8(JSON.stringify({ expiration, conditions })));
}

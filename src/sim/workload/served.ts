import { percentEncode } from "../../auth/canonical-request.ts";
import { headOf, signRequest } from "../../auth/sign.ts";
import { noBytes, toHex } from "../../base/bytes.ts";
import { inNamedBucket } from "../../object/bucket/in-named-bucket.ts";
import { headObject } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { HttpRequest } from "../../platform/http.ts";
import type { Platform } from "../../platform/platform.ts";
import { Violation } from "../history.ts";
import { region, rootKey } from "../roles.ts";
import type { ClientSession } from "./context.ts";
import { targetName } from "./context.ts";

/**
 * A client that asks by HTTP finds what the object layer has, while nobody writes: signature,
 * look-up and slices are those of production (C2).
 */
export async function checkServed(
  session: ClientSession,
  bucket: string,
  key: Uint8Array,
): Promise<void> {
  const attempt = await session.attempt(
    `served ${targetName(bucket, key)}`,
    async (store, handler) => {
      const found = await inNamedBucket(store, headObject, { bucket, key, conditions: {} });
      const { status, headers } = await handler(signedHead(store.platform, bucket, key));
      return { found, status, etag: new Map(headers).get("etag") };
    },
  );
  if (attempt.kind !== "answer") return;
  const { found, status, etag } = attempt.answer;
  const isAlike = isRefusal(found) ? status === 404 : status === 200 && etag === `"${found.etag}"`;
  if (isAlike) return;
  const expected = isRefusal(found) ? found.refusal : found.etag;
  throw new Violation(`C2: ${attempt.label}: answered ${status} ${etag} in place of ${expected}`);
}

function signedHead({ hash, clock }: Platform, bucket: string, key: Uint8Array): HttpRequest {
  const path = String.fromCharCode(...key)
    .split("/")
    .map(percentEncode)
    .join("/");
  const asked = {
    method: "HEAD",
    target: `/${bucket}/${path}`,
    headers: [["host", "s3"]],
  } as const;
  const contentSha256 = toHex(hash.digest("sha256", noBytes));
  const options = { timeMs: clock.now(), contentSha256 };
  const { headers } = signRequest(hash, { ...rootKey, region }, asked, options);
  return {
    head: headOf({ ...asked, headers }),
    secure: false,
    remoteAddress: undefined,
    body: nothing(),
    contentLength: 0,
    readWhole: () => noBytes,
    signal: new AbortController().signal,
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

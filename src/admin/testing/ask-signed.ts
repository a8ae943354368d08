import type { AccessKey } from "../../auth/access-key.ts";
import { signRequest } from "../../auth/sign.ts";
import { createRequestVerifier } from "../../auth/verify-request.ts";
import { decodeUtf8, encodeUtf8, toHex } from "../../base/bytes.ts";
import { createMemoryEngine } from "../../engine/memory-engine.ts";
import { createTestPlatform } from "../../keymap/testing/test-platform.ts";
import type { Hash } from "../../platform/hash.ts";
import type { HttpRequest, HttpResponse } from "../../platform/http.ts";
import type { SecretCipher } from "../../platform/platform.ts";
import { httpRequest } from "../../platform/testing/http-requests.ts";
import { openAccessKeys, testKey } from "../../server/testing/open-access-keys.ts";
import type { RootOnlyOptions } from "../root-only.ts";

const region = "us-east-1";
/** No secret is kept here. */
const cipher: SecretCipher = { encrypt: (secret) => secret, decrypt: (secret) => secret };

export interface SignedQuestion {
  readonly method: string;
  readonly target: string;
  readonly text?: string;
  /** Default: root. */
  readonly as?: AccessKey;
}

/** Asks pages that want root's signature. */
export async function askSigned(
  hash: Hash,
  answer: (options: RootOnlyOptions, request: HttpRequest) => Promise<HttpResponse>,
  { method, target, text = "", as = testKey("ROOT") }: SignedQuestion,
): Promise<{ status: number; value: unknown }> {
  const platform = createTestPlatform(hash);
  const { keys } = await openAccessKeys(platform, createMemoryEngine(), cipher);
  const verifier = createRequestVerifier({ ...platform, region, domains: [], acceptsV2: false });
  const body = encodeUtf8(text);
  const request = { method, target, headers: [["host", "h"]] as const };
  const contentSha256 = toHex(hash.digest("sha256", body));
  const timeMs = platform.clock.now();
  const signed = signRequest(hash, { ...as, region }, request, { timeMs, contentSha256 });
  const pieces = (async function* () {
    yield body;
  })();
  const { status, body: said } = await answer(
    { platform, keys, verifier },
    httpRequest({ ...request, ...signed, body: pieces }),
  );
  const json = said instanceof Uint8Array ? decodeUtf8(said) : "{}";
  return { status, value: JSON.parse(json) as unknown };
}

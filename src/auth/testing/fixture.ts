import type { Clock } from "../../platform/clock.ts";
import type { Hash } from "../../platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import type { Credential } from "../credentials.ts";
import type { AuthFailure } from "../auth-failure.ts";
import type { Verified } from "../claim.ts";
import { type SignedRequest, headOf, signRequest } from "../sign.ts";
import { createRequestVerifier, verifyClaim } from "../verify-request.ts";
import { exampleIdentity, exampleTimeMs } from "./aws-examples.ts";

export const exampleCredential: Credential = {
  accessKeyId: exampleIdentity.accessKeyId,
  secretAccessKey: exampleIdentity.secretAccessKey,
  principal: { owner: "owner", account: "account", name: "root", root: true },
};

/** Knows the example's key alone; its clock stands still. */
export function exampleVerifier(
  hash: Hash,
  nowMs = exampleTimeMs,
  acceptsV2 = true,
): { verify(request: SignedRequest): Promise<Verified | AuthFailure> } {
  const find = (accessKeyId: string): Credential | undefined =>
    accessKeyId === exampleCredential.accessKeyId ? exampleCredential : undefined;
  const verifier = createRequestVerifier({
    hash,
    clock: standingClock(nowMs),
    region: exampleIdentity.region,
    domains: ["s3.amazonaws.com"],
    acceptsV2,
  });
  return { verify: (request) => verifyClaim(verifier.claim(headOf(request)), { find }) };
}

/** A request as it goes out, signed with the example's key at the example's time. */
export function signedExample(
  hash: Hash,
  request: SignedRequest,
  contentSha256: string,
): SignedRequest {
  const options = { timeMs: exampleTimeMs, contentSha256 };
  return { ...request, headers: signRequest(hash, exampleIdentity, request, options).headers };
}

/** The headers with one of them given another value, or taken away. */
export function withHeader(
  headers: HeaderList,
  name: string,
  value: string | undefined,
): HeaderList {
  const others = headers.filter(([each]) => each !== name);
  return value === undefined ? others : [...others, [name, value]];
}

function standingClock(nowMs: number): Clock {
  return {
    now: () => nowMs,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    turn: () => Promise.resolve(),
  };
}

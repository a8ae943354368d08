import type { Clock } from "../../platform/clock.ts";
import type { Hash } from "../../platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import type { SignedRequest } from "../canonical-request.ts";
import type { Credential } from "../credentials.ts";
import { signRequest } from "../sign.ts";
import { createRequestVerifier } from "../verify-request.ts";
import type { RequestVerifier } from "../verify-request.ts";
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
): RequestVerifier {
  const find = (accessKeyId: string): Credential | undefined =>
    accessKeyId === exampleCredential.accessKeyId ? exampleCredential : undefined;
  return createRequestVerifier({
    hash,
    clock: standingClock(nowMs),
    credentials: { find: (accessKeyId) => Promise.resolve(find(accessKeyId)) },
    region: exampleIdentity.region,
    domains: ["s3.amazonaws.com"],
    acceptsV2,
  });
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

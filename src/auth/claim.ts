import type { Clock } from "../platform/clock.ts";
import type { Hash } from "../platform/hash.ts";
import type { AuthFailure } from "./auth-failure.ts";
import type { AuthorizationHeaders } from "./authorization.ts";
import type { Principal } from "./authorize.ts";
import type { Credential } from "./credentials.ts";
import type { PayloadMode } from "./payload-mode.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** Who sent a request by its own account: in form and in time, not yet believed. */
export interface Claim {
  /** Undefined where it carries no credentials at all. */
  readonly accessKeyId: string | undefined;
  /** @param credential of that access key; undefined where there is none. */
  verify(credential: Credential | undefined): Verified | AuthFailure;
}

export interface VerifierParts {
  readonly hash: Hash;
  readonly clock: Clock;
  readonly region: string;
  /** Hosts whose subdomains are buckets. */
  readonly domains: readonly string[];
  /** Whether Signature V2 is taken. */
  readonly acceptsV2: boolean;
}

export interface Verified {
  readonly kind: "verified";
  /** `anonymous` where the request carries no credentials at all: authorize judges that, not we. */
  readonly principal: Principal;
  readonly accessKeyId: string | undefined;
  readonly payload: PayloadMode;
  /** By Signature V4, names in lower case. */
  readonly signedHeaders: readonly string[];
  readonly presigned: boolean;
}

/** What verifiers of every kind work with. */
export interface Verifier extends VerifierParts {
  readonly keys: SigningKeys;
  readonly authorizations: AuthorizationHeaders;
  readonly parseTimestamp: (text: string) => number | undefined;
}

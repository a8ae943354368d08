import type { AuthRefusal } from "./auth-refusal.ts";
import type { Hash } from "../platform/hash.ts";
import type { Clock } from "../platform/platform.ts";
import type { Credential } from "./access-key.ts";
import type { AuthorizationHeaders } from "./authorization.ts";
import type { Principal } from "./authorize.ts";
import type { PayloadMode } from "./payload.ts";
import type { SigningKeys } from "./signature-v4.ts";

/** The sender that a request names, in due form and time; its signature is not verified yet. */
export interface Claim {
  /** Undefined where it carries no credentials at all. */
  readonly accessKeyId: string | undefined;
  /** @param credential of that access key; undefined where there is none. */
  verify(credential: Credential | undefined): Verified | AuthRefusal;
}

export interface VerifierOptions {
  readonly hash: Hash;
  readonly clock: Clock;
  readonly region: string;
  /** Hosts whose subdomains are buckets, in lower case. */
  readonly domains: readonly string[];
  /** True if Signature V2 is accepted. */
  readonly acceptsV2: boolean;
}

export interface Verified {
  /** `anonymous` where the request carries no credentials at all: authorize judges that, not we. */
  readonly principal: Principal;
  readonly accessKeyId: string | undefined;
  readonly payload: PayloadMode;
  /** Headers that Signature V4 covers, names in lower case. */
  readonly signedHeaders: readonly string[];
  readonly presigned: boolean;
}

/** What verifiers of every kind work with. */
export interface Verifier extends VerifierOptions {
  readonly keys: SigningKeys;
  readonly authorizations: AuthorizationHeaders;
  readonly parseTimestamp: (text: string) => number | undefined;
}

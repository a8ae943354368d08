import type { Credential } from "../auth/access-key.ts";
import type { Ready } from "../base/ready.ts";
import type { Bucket } from "../object/bucket/buckets.ts";

/** What the index has of a request's sender and its bucket; undefined where there is none. */
export interface Found {
  readonly credential: Credential | undefined;
  readonly bucket: Bucket | undefined;
}

/**
 * Reads the credential of an access key and a bucket in one step, as of one moment; what is not named is not found. Answers
 * with the value itself where it is at hand.
 */
export type LookUp = (
  accessKeyId: string | undefined,
  bucketName: string | undefined,
) => Ready<Found>;

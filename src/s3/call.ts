import type { Credential } from "../auth/access-key.ts";
import type { Authorize, Resource } from "../auth/authorize.ts";
import type { AuthRefusal } from "../auth/auth-refusal.ts";
import type { Verified } from "../auth/claim.ts";
import type { FormFields } from "../auth/verify-form.ts";
import { decodeUtf8 } from "../base/bytes.ts";
import type { Ready } from "../base/ready.ts";
import { idText, type UploadId } from "../format/ids.ts";
import { type Bucket, getBucket } from "../object/bucket/buckets.ts";
import type { ObjectStore } from "../object/object-store.ts";
import { isRefusal, type Refusal, refuse } from "../object/refusal.ts";
import type { HeaderList, Headers, HttpRequest, HttpResponse } from "../platform/http.ts";
import { type ErrorDetails, refusalCodes, S3Error, type S3ErrorCode } from "./errors.ts";
import type { CountedBody } from "./request/counted-body.ts";
import type { RequestTarget } from "./request/request-target.ts";
import { refuseUnsupportedHeaders } from "./request/header-rules.ts";

/** A request whose sender is known, as operations get it. */
export interface S3Call {
  readonly objects: ObjectStore;
  readonly authorize: Authorize;
  readonly region: string;
  readonly request: HttpRequest;
  /** The headers as sent; for a presigned URL, a header's value may stand in the query. */
  readonly headers: Headers;
  readonly target: RequestTarget;
  /** The bucket that the target names; undefined where there is none. */
  readonly bucket: Bucket | undefined;
  readonly verified: Verified;
  /**
   * The sender who signed a form: that stands among its fields, in the body, where `verified` knows
   * nothing of.
   */
  readonly verifyForm: (fields: FormFields) => Promise<Verified | AuthRefusal>;
  /** The body as sent, counted. */
  readonly body: CountedBody;
  /** Answers with what may take long to come about, and keeps the client waiting meanwhile. */
  keepAlive(work: Promise<HttpResponse>): Promise<HttpResponse>;
}

/** Answers with the value itself where nothing has to be waited for. */
export type Operation = (call: S3Call) => HttpResponse | Promise<HttpResponse>;

/** The bucket, key or upload that an action is done to. */
export interface Place {
  readonly bucket: string;
  readonly key?: Uint8Array | undefined;
  readonly upload?: UploadId | undefined;
}

/**
 * Asks whether the caller may do this to the bucket of the request, or to what is in it; each
 * operation on a bucket or object does so before it does anything else. Throws NoSuchBucket, and
 * AccessDenied, also where the bucket's owner is not the expected one.
 */
export function permit(call: S3Call, action: string, place: Place): Bucket | Promise<Bucket> {
  if (call.bucket === undefined) throw refused(refuse("noSuchBucket"), place);
  return permitIn(call, action, place, call.bucket, "x-amz-expected-bucket-owner");
}

/** The same for the source of a copy, whose owner has a header of its own. */
export async function permitSource(call: S3Call, action: string, place: Place): Promise<Bucket> {
  const isOwn = call.bucket?.name === place.bucket;
  const bucket = isOwn ? call.bucket : granted(await getBucket(call.objects, place.bucket), place);
  return permitIn(call, action, place, bucket, "x-amz-source-expected-bucket-owner");
}

/** Asks for permission to act on the caller's own account, where there is no bucket yet. */
export async function permitOwn(call: S3Call, action: string, place: Place): Promise<void> {
  await requirePermission(call, action, place, undefined);
}

function permitIn(
  call: S3Call,
  action: string,
  place: Place,
  bucket: Bucket,
  ownerHeader: string,
): Bucket | Promise<Bucket> {
  const permission = requirePermission(call, action, place, bucket.account);
  if (permission === undefined) return expectOwner(call, bucket, ownerHeader);
  return permission.then(() => expectOwner(call, bucket, ownerHeader));
}

function expectOwner(call: S3Call, bucket: Bucket, ownerHeader: string): Bucket {
  const expected = call.headers.get(ownerHeader);
  if (expected !== undefined && !/^\d{12}$/.test(expected)) throw invalidOwner(expected);
  if (expected !== undefined && expected !== bucket.account) throw new S3Error("AccessDenied");
  return bucket;
}

function invalidOwner(expected: string): S3Error {
  return new S3Error("InvalidBucketOwnerAWSAccountID", {
    message: `The value of the expected bucket owner parameter must be an AWS Account ID... [${expected}]`,
  });
}

/** A promise only where the answer has to be waited for. */
function requirePermission(
  call: S3Call,
  action: string,
  place: Place,
  account: string | undefined,
): Promise<void> | undefined {
  const { secure, remoteAddress } = call.request;
  const resource = new NamedResource(place, account);
  const context = { secure, remoteAddress };
  const allowed = call.authorize(call.verified.principal, action, resource, context);
  if (allowed instanceof Promise) return allowed.then((answer) => requireAllowed(call, answer));
  requireAllowed(call, allowed);
  return undefined;
}

function requireAllowed(call: S3Call, allowed: boolean): void {
  if (!allowed) throw new S3Error("AccessDenied");
  // Only now: what this store cannot do is no business of strangers.
  refuseUnsupportedHeaders(call.headers);
}

/** Its name is made only where somebody asks for it. */
class NamedResource implements Resource {
  readonly #place: Place;
  readonly account: string | undefined;

  constructor(place: Place, account: string | undefined) {
    this.#place = place;
    this.account = account;
  }

  get arn(): string {
    const { bucket, key } = this.#place;
    if (bucket === "") return "arn:aws:s3:::*";
    return key === undefined ? bucketArn(bucket) : `${bucketArn(bucket)}/${decodeUtf8(key)}`;
  }
}

export function bucketRegionHeader({ region }: Pick<Bucket, "region">): HeaderList[number] {
  return ["x-amz-bucket-region", region];
}

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

/** The value of an operation on objects, which S3 refuses in these words where we do. */
export function granted<T extends object>(value: T | Refusal, place: Place): T {
  if (isRefusal(value)) throw refused(value, place);
  return value;
}

export function refused(refusal: Refusal, place: Place): S3Error {
  const code = refusalCodes[refusal.refusal];
  const details = { ...subjectOf(code, place), ...refusal.details };
  return new S3Error(code, { message: refusal.message, details });
}

const ofKeys: ReadonlySet<S3ErrorCode> = new Set([
  "NoSuchKey",
  "NoSuchVersion",
  "ConditionalRequestConflict",
]);

/** The elements that S3 repeats of the request, by kind of error. */
function subjectOf(code: S3ErrorCode, { bucket, key, upload }: Place): ErrorDetails {
  if (code === "NoSuchUpload") return upload === undefined ? {} : { UploadId: idText(upload) };
  if (ofKeys.has(code)) {
    return key === undefined ? {} : { Key: decodeUtf8(key) };
  }
  return code.includes("Bucket") ? { BucketName: bucket } : {};
}

export function xmlResponse(body: Uint8Array, headers: HeaderList = []): HttpResponse {
  return { status: 200, headers: [["content-type", "application/xml"], ...headers], body };
}

/** The sender's credential and the bucket, from the index; undefined where there is none. */
export interface Found {
  readonly credential: Credential | undefined;
  readonly bucket: Bucket | undefined;
}

/**
 * Reads the credential of an access key and a bucket in one step, as of one moment; what is not
 * named is not found. Answers with the value itself where it is at hand.
 */
export type LookUp = (
  accessKeyId: string | undefined,
  bucketName: string | undefined,
) => Ready<Found>;

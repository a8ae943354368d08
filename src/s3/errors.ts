import type { AuthRefusal } from "../auth/auth-refusal.ts";
import type { BodyFaultCode } from "../platform/body-fault.ts";
import type { StoreErrorCode } from "../base/errors.ts";
import type { RefusalCode } from "../object/refusal.ts";
import type { HeaderList } from "../platform/http.ts";

// S3's error names and their messages. The code below speaks in codes of its own, and each kind of
// them has a complete record here: a code added elsewhere is a type error until it has an S3 name.

/** Status and default message per S3 error code, as AWS words them where AWS has the code. */
const s3Errors = {
  AccessDenied: [403, "Access Denied"],
  AccessForbidden: [403, "Access Forbidden"],
  AuthorizationHeaderMalformed: [400, "The authorization header you provided is invalid."],
  AuthorizationQueryParametersError: [400, "The authorization query parameters are invalid."],
  BadRequest: [400, "An error occurred when parsing the HTTP request."],
  BadDigest: [400, "The Content-MD5 you specified did not match what we received."],
  BucketAlreadyExists: [
    409,
    "The requested bucket name is not available. The bucket namespace is shared by all users of the system. " +
      "Please select a different name and try again.",
  ],
  BucketAlreadyOwnedByYou: [
    409,
    "Your previous request to create the named bucket succeeded and you already own it.",
  ],
  BucketNotEmpty: [409, "The bucket you tried to delete is not empty"],
  // S3 has no such answer: nobody reads it. It stands in metrics, log and traces.
  ClientDisconnected: [499, "The client closed the connection before the answer was complete."],
  ConditionalRequestConflict: [
    409,
    "The conditional request cannot succeed due to a conflicting operation against this resource.",
  ],
  EntityTooLarge: [400, "Your proposed upload exceeds the maximum allowed size"],
  EntityTooSmall: [400, "Your proposed upload is smaller than the minimum allowed size"],
  IllegalVersioningConfigurationException: [400, "The Versioning element must be specified"],
  IllegalLocationConstraintException: [
    400,
    "The location constraint is incompatible for the endpoint this request was sent to.",
  ],
  IncompleteBody: [400, "The request body terminated unexpectedly"],
  InsufficientStorage: [
    507,
    "The store has no space for new data; reads and deletes still work. " +
      "Delete data, free space on its data directories, or add one.",
  ],
  InternalError: [500, "We encountered an internal error. Please try again."],
  InvalidAccessKeyId: [403, "The AWS Access Key Id you provided does not exist in our records."],
  InvalidArgument: [400, "Invalid Argument"],
  InvalidBucketOwnerAWSAccountID: [
    400,
    "The value of the expected bucket owner parameter must be an AWS account ID.",
  ],
  InvalidBucketName: [400, "The specified bucket is not valid."],
  InvalidChunkSizeError: [
    403,
    "Only the last chunk is allowed to have a size less than 8192 bytes",
  ],
  InvalidDigest: [400, "The Content-MD5 you specified was invalid."],
  InvalidLocationConstraint: [400, "The specified location-constraint is not valid"],
  InvalidPart: [
    400,
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the " +
      "specified entity tag may not match the part's entity tag.",
  ],
  InvalidPartNumber: [416, "The requested partnumber is not satisfiable"],
  InvalidPartOrder: [
    400,
    "The list of parts was not in ascending order. Parts must be ordered by part number.",
  ],
  InvalidPolicyDocument: [
    400,
    "The content of the form does not meet the conditions specified in the policy document.",
  ],
  InvalidRange: [416, "The requested range is not satisfiable"],
  InvalidRequest: [400, "Invalid Request"],
  InvalidStorageClass: [400, "The storage class you specified is not valid"],
  InvalidTag: [400, "The tag provided was not a valid tag."],
  InvalidToken: [400, "The provided token is malformed or otherwise invalid."],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  KeyTooLongError: [400, "Your key is too long"],
  MalformedPOSTRequest: [
    400,
    "The body of your POST request is not well-formed multipart/form-data.",
  ],
  MalformedTrailerError: [
    400,
    "The request contained trailing data that was not well-formed or did not conform to our published schema.",
  ],
  MalformedXML: [
    400,
    "The XML you provided was not well-formed or did not validate against our published schema",
  ],
  MaxMessageLengthExceeded: [400, "Your request was too big."],
  // Spelled as S3 does.
  MaxPostPreDataLengthExceeded: [
    400,
    "Your POST request fields preceeding the upload file was too large.",
  ],
  MetadataConfigurationNotFound: [404, "The metadata configuration does not exist."],
  MetadataTooLarge: [400, "Your metadata headers exceed the maximum allowed metadata size"],
  MethodNotAllowed: [405, "The specified method is not allowed against this resource."],
  MissingContentLength: [411, "You must provide the Content-Length HTTP header."],
  NoSuchBucket: [404, "The specified bucket does not exist"],
  NoSuchBucketPolicy: [404, "The bucket policy does not exist"],
  NoSuchConfiguration: [404, "The specified configuration does not exist."],
  NoSuchCORSConfiguration: [404, "The CORS configuration does not exist"],
  NoSuchKey: [404, "The specified key does not exist."],
  NoSuchLifecycleConfiguration: [404, "The lifecycle configuration does not exist"],
  NoSuchTagSet: [404, "The TagSet does not exist"],
  NoSuchUpload: [
    404,
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted " +
      "or completed.",
  ],
  NoSuchVersion: [404, "The specified version does not exist."],
  NoSuchWebsiteConfiguration: [404, "The specified bucket does not have a website configuration"],
  NotImplemented: [501, "A header you provided implies functionality that is not implemented"],
  NotModified: [304, "Not Modified"],
  ObjectLockConfigurationNotFoundError: [
    404,
    "Object Lock configuration does not exist for this bucket",
  ],
  OperationAborted: [
    409,
    "A conflicting conditional operation is currently in progress against this resource. Please try again.",
  ],
  PreconditionFailed: [412, "At least one of the pre-conditions you specified did not hold"],
  ReplicationConfigurationNotFoundError: [404, "The replication configuration was not found"],
  RequestHeaderSectionTooLarge: [
    400,
    "Your request header and query parameter sections exceed the maximum allowed size.",
  ],
  RequestTimeout: [
    400,
    "Your socket connection to the server was not read from or written to within the timeout period. " +
      "Idle connections will be closed.",
  ],
  RequestTimeTooSkewed: [
    403,
    "The difference between the request time and the current time is too large.",
  ],
  ServerSideEncryptionConfigurationNotFoundError: [
    404,
    "The server side encryption configuration was not found",
  ],
  ServiceUnavailable: [503, "Service is unable to handle request."],
  SignatureDoesNotMatch: [
    403,
    "The request signature we calculated does not match the signature you provided. Check your key and " +
      "signing method.",
  ],
  SlowDown: [503, "Please reduce your request rate."],
  XAmzContentSHA256Mismatch: [
    400,
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ],
} as const satisfies Record<string, readonly [status: number, message: string]>;

export type S3ErrorCode = keyof typeof s3Errors;

/** Elements in addition to Code and Message, by name, in the order they are written. */
export type ErrorDetails = Readonly<Record<string, string | number>>;

/**
 * A request that is refused, in S3's words. It is thrown, though refusing is an expected outcome:
 * nothing between the line that finds the fault and the handler would act on it, and `accept` of an
 * upload has to throw to reject the bytes.
 */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly code: S3ErrorCode;
  readonly status: number;
  readonly details: ErrorDetails;
  readonly headers: HeaderList;

  constructor(
    code: S3ErrorCode,
    more: {
      readonly message?: string | undefined;
      readonly details?: ErrorDetails;
      readonly headers?: HeaderList;
    } = {},
  ) {
    const [status, message] = s3Errors[code];
    super(more.message ?? message);
    this.code = code;
    this.status = status;
    this.details = more.details ?? {};
    this.headers = more.headers ?? [];
  }
}

export function invalidArgument(name: string, value: string, message: string): S3Error {
  return new S3Error("InvalidArgument", {
    message,
    details: { ArgumentName: name, ArgumentValue: value },
  });
}

/** A form lacks a field that it needs, or has it behind the file. */
export function fieldMissing(field: string): S3Error {
  const order = "If it is specified, please check the order of the fields.";
  return invalidArgument(field, "", `Bucket POST must contain a field named '${field}'.  ${order}`);
}

/** A header that asks for something this store does not do, and that must not be ignored. */
export function headerNotImplemented(header: string): S3Error {
  const message = `${header} is not implemented by this store.`;
  return new S3Error("NotImplemented", { message, details: { Header: header } });
}

/** A combination of conditions that S3 itself does not do, in its words. */
export function conditionNotImplemented(header: string, why: string): S3Error {
  return new S3Error("NotImplemented", { details: { Header: header, additionalMessage: why } });
}

export const refusalCodes: Readonly<Record<RefusalCode, S3ErrorCode>> = {
  noSuchBucket: "NoSuchBucket",
  bucketExists: "BucketAlreadyExists",
  bucketOwnedByYou: "BucketAlreadyOwnedByYou",
  bucketNotEmpty: "BucketNotEmpty",
  operationAborted: "OperationAborted",
  noSuchKey: "NoSuchKey",
  noSuchVersion: "NoSuchVersion",
  isDeleteMarker: "MethodNotAllowed",
  noSuchUpload: "NoSuchUpload",
  preconditionFailed: "PreconditionFailed",
  notModified: "NotModified",
  conditionalConflict: "ConditionalRequestConflict",
  invalidRange: "InvalidRange",
  invalidPartNumber: "InvalidPartNumber",
  invalidPart: "InvalidPart",
  invalidPartOrder: "InvalidPartOrder",
  entityTooSmall: "EntityTooSmall",
  entityTooLarge: "EntityTooLarge",
  keyTooLong: "KeyTooLongError",
  invalidRequest: "InvalidRequest",
  badDigest: "BadDigest",
};

/**
 * `message` where S3's own would mislead. What the failure says itself names directories: that is
 * for the log, not for clients.
 */
export const storeErrorCodes: Readonly<
  Record<StoreErrorCode, { readonly code: S3ErrorCode; readonly message?: string }>
> = {
  overloaded: { code: "SlowDown" },
  unavailable: { code: "ServiceUnavailable" },
  storage_full: { code: "InsufficientStorage" },
  read_only: {
    code: "ServiceUnavailable",
    message:
      "The store's data directories cannot be written at the moment; reads still work. " +
      "The server's log names the directory and the fix.",
  },
  corrupt: { code: "InternalError" },
  missing: { code: "InternalError" },
  io: { code: "InternalError" },
  fenced: { code: "ServiceUnavailable" },
  unknown: {
    code: "ServiceUnavailable",
    message: "The store does not know yet whether the request took effect. Look, or try again.",
  },
  unsupported_format: { code: "InternalError" },
  foreign: { code: "InternalError" },
  stalled: { code: "RequestTimeout" },
  cancelled: { code: "ServiceUnavailable" },
  invalid: { code: "InternalError" },
};

export const authRefusalCodes: Readonly<Record<AuthRefusal["refusal"], S3ErrorCode>> = {
  authorization_header_malformed: "AuthorizationHeaderMalformed",
  authorization_query_malformed: "AuthorizationQueryParametersError",
  authorization_unsupported: "InvalidArgument",
  signature_version: "InvalidRequest",
  query_unusable: "AccessDenied",
  access_key_unknown: "InvalidAccessKeyId",
  token_invalid: "InvalidToken",
  signature_mismatch: "SignatureDoesNotMatch",
  date_missing: "AccessDenied",
  time_skewed: "RequestTimeTooSkewed",
  presign_expired: "AccessDenied",
  presign_early: "AccessDenied",
  headers_not_signed: "AccessDenied",
  content_sha256_missing: "InvalidRequest",
  content_sha256_invalid: "InvalidArgument",
  decoded_length_missing: "MissingContentLength",
  decoded_length_invalid: "InvalidArgument",
  signature_unsupported: "NotImplemented",
  form_field_missing: "InvalidArgument",
  form_field_invalid: "InvalidArgument",
};

export const bodyFaultCodes: Readonly<Record<BodyFaultCode, S3ErrorCode>> = {
  signature_mismatch: "SignatureDoesNotMatch",
  sha256_mismatch: "XAmzContentSHA256Mismatch",
  incomplete: "IncompleteBody",
  framing: "IncompleteBody",
  length: "IncompleteBody",
  frame_size: "InvalidChunkSizeError",
  trailer: "MalformedTrailerError",
};

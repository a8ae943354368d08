import { wireBytes } from "../auth/canonical-request.ts";
import { BodyFault } from "../platform/body-fault.ts";
import type { AuthRefusal } from "../auth/auth-refusal.ts";
import { toHex } from "../base/bytes.ts";
import { isStoreError } from "../base/errors.ts";
import type { HeaderList, HttpResponse } from "../platform/http.ts";
import {
  type ErrorDetails,
  S3Error,
  authRefusalCodes,
  fieldMissing,
  bodyFaultCodes,
  storeErrorCodes,
} from "./errors.ts";
import { formatIsoDate } from "./response/listing.ts";
import { textElement, xmlPlainDocument } from "./xml/xml-write.ts";

/** @limit Seconds after which a client that was answered SlowDown may try again. */
const retryAfterSeconds = 1;

/**
 * Anything that was thrown, as S3 would have put it.
 *
 * @param accessKeyId of who signed the request: S3 repeats it where a frame's signature is wrong.
 */
export function toS3Error(thrown: unknown, accessKeyId?: string): S3Error {
  if (thrown instanceof S3Error) return thrown;
  if (thrown instanceof BodyFault) return bodyFault(thrown, accessKeyId);
  if (!isStoreError(thrown)) return new S3Error("InternalError");
  const { code, message } = storeErrorCodes[thrown.code];
  return new S3Error(code, { message });
}

function bodyFault({ code, message, quoted }: BodyFault, accessKeyId = ""): S3Error {
  const name = bodyFaultCodes[code];
  switch (quoted?.kind) {
    case undefined:
      return new S3Error(name, name === "IncompleteBody" ? {} : { message });
    case "sha256":
      return new S3Error(name, {
        details: {
          ClientComputedContentSHA256: quoted.declared,
          S3ComputedContentSHA256: quoted.computed,
        },
      });
    case "signature": {
      const { stringToSign, provided } = quoted;
      const details = signatureDetails({ accessKeyId, stringToSign, signatureProvided: provided });
      return new S3Error(name, { details });
    }
    case "length":
      return wrongLength(quoted);
    case "frame":
      return new S3Error(name, {
        details: { Chunk: quoted.number, BadChunkSize: quoted.bytes },
      });
  }
}

/** A body has another length than its headers say. */
export function wrongLength(bytes: {
  readonly expected: number;
  readonly provided: number;
}): S3Error {
  return new S3Error("IncompleteBody", {
    message: "You did not provide the number of bytes specified by the Content-Length HTTP header",
    details: { NumberBytesExpected: bytes.expected, NumberBytesProvided: bytes.provided },
  });
}

/** The elements that S3 shows of a wrong signature. */
function signatureDetails(failure: {
  readonly accessKeyId: string;
  readonly stringToSign: string;
  readonly signatureProvided: string;
}): ErrorDetails {
  return {
    AWSAccessKeyId: failure.accessKeyId,
    StringToSign: failure.stringToSign,
    SignatureProvided: failure.signatureProvided,
    StringToSignBytes: wireHex(failure.stringToSign),
  };
}

export function authError(failure: AuthRefusal): S3Error {
  const { message, details } = wordsOf(failure);
  return new S3Error(authRefusalCodes[failure.refusal], { message, details: details ?? {} });
}

interface Words {
  readonly message?: string | undefined;
  readonly details?: ErrorDetails;
}

function wordsOf(failure: AuthRefusal): Words {
  switch (failure.refusal) {
    case "authorization_header_malformed":
    case "authorization_query_malformed":
      return {
        message: failure.message,
        ...(failure.region === undefined ? {} : { details: { Region: failure.region } }),
      };
    case "authorization_unsupported":
      return argument("Authorization", failure.value, failure.message);
    case "signature_version":
    case "query_unusable":
    case "date_missing":
    case "signature_unsupported":
      return { message: failure.message };
    case "access_key_unknown":
      return { details: { AWSAccessKeyId: failure.accessKeyId } };
    case "token_invalid":
      return { details: { "Token-0": failure.token } };
    case "signature_mismatch":
      return {
        details: {
          ...signatureDetails(failure),
          ...(failure.canonicalRequest === undefined
            ? {}
            : {
                CanonicalRequest: failure.canonicalRequest,
                CanonicalRequestBytes: wireHex(failure.canonicalRequest),
              }),
        },
      };
    case "form_field_missing":
      return fieldMissing(failure.field); // has the words, too
    case "form_field_invalid": {
      const { message, details } = argument(failure.field, failure.value, failure.message);
      const region = failure.region === undefined ? {} : { Region: failure.region };
      return { message, details: { ...details, ...region } };
    }
    case "time_skewed":
    case "presign_expired":
    case "presign_early":
      return timeWords(failure);
    case "headers_not_signed":
      return {
        message: "There were headers present in the request which were not signed",
        details: { HeadersNotSigned: failure.headers.join(", ") },
      };
    case "content_sha256_missing":
      return { message: "Missing required header for this request: x-amz-content-sha256" };
    case "content_sha256_invalid":
      return argument(
        "x-amz-content-sha256",
        failure.value,
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, " +
          "STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
      );
    case "decoded_length_missing":
      return {};
    case "decoded_length_invalid":
      return argument(
        "x-amz-decoded-content-length",
        failure.value,
        "x-amz-decoded-content-length must be a number of bytes",
      );
  }
}

/** The bytes of the text, two hexadecimal digits each, as S3 shows what it signed. */
function wireHex(text: string): string {
  return (toHex(wireBytes(text)).match(/../g) ?? []).join(" ");
}

type TimeRefusal = Extract<
  AuthRefusal,
  { readonly refusal: "time_skewed" | "presign_expired" | "presign_early" }
>;

function timeWords(failure: TimeRefusal): Words {
  const serverTime = formatIsoDate(failure.serverTimeMs).replace(".000Z", "Z");
  switch (failure.refusal) {
    case "time_skewed":
      return {
        details: {
          RequestTime: failure.requestTime,
          ServerTime: serverTime,
          MaxAllowedSkewMilliseconds: failure.skewMsMax,
        },
      };
    case "presign_expired":
      return {
        message: "Request has expired",
        details: {
          ...(failure.expiresSeconds === undefined
            ? {}
            : { "X-Amz-Expires": failure.expiresSeconds }),
          Expires: formatIsoDate(failure.expiresAtMs).replace(".000Z", "Z"),
          ServerTime: serverTime,
        },
      };
    case "presign_early":
      return { message: "Request is not valid yet", details: { ServerTime: serverTime } };
  }
}

function argument(name: string, value: string, message: string): Words {
  return { message, details: { ArgumentName: name, ArgumentValue: value } };
}

/**
 * @param ids this answer's `x-amz-request-id` and `x-amz-id-2`, which the body repeats; undefined
 *   where nothing of the request was looked at.
 */
export function errorResponse(
  error: S3Error,
  ids?: { readonly requestId: string; readonly hostId: string },
): HttpResponse {
  const headers = errorHeaders(error);
  if (error.status === 304) return { status: 304, headers };
  const body = xmlPlainDocument("Error", [
    textElement("Code", error.code),
    textElement("Message", error.message),
    ...Object.entries(error.details).map(([name, value]) => textElement(name, value)),
    textElement("RequestId", ids?.requestId),
    textElement("HostId", ids?.hostId),
  ]);
  return { status: error.status, headers: [["content-type", "application/xml"], ...headers], body };
}

function errorHeaders({ status, headers }: S3Error): HeaderList {
  return status === 503 ? [["retry-after", String(retryAfterSeconds)], ...headers] : headers;
}

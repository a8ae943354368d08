import type { HttpResponse } from "../platform/http.ts";
import { errorResponse } from "./error-response.ts";
import { S3Error } from "./errors.ts";

/*
 * Answers of the HTTP server itself, where no handler was asked or none answered. They have S3's
 * form, since it is S3's clients that read them, but no request id: nothing of the request is known
 * or was looked at.
 */

const answers = {
  malformed: errorResponse(new S3Error("BadRequest")),
  headersTooLarge: errorResponse(new S3Error("RequestHeaderSectionTooLarge")),
  httpToTls: errorResponse(
    new S3Error("InvalidRequest", {
      message:
        "This port serves https, and the request was sent by http. Use an endpoint that begins with https://.",
    }),
  ),
  timeout: errorResponse(new S3Error("RequestTimeout")),
  transferEncoding: errorResponse(
    new S3Error("NotImplemented", { details: { Header: "Transfer-Encoding" } }),
  ),
  overloaded: errorResponse(new S3Error("SlowDown")),
  internal: errorResponse(new S3Error("InternalError")),
} as const;

/** Why the HTTP server answers by itself. */
export type HttpRefusal = keyof typeof answers;

export function bareAnswer(what: HttpRefusal): HttpResponse {
  return answers[what];
}

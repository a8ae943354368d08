import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpResponse } from "../../platform/http.ts";

/*
 * Answers of the server itself, where no handler was asked or none answered. They have S3's form, since it is S3's
 * clients that read them, but no request id: nothing of the request is known or was looked at.
 */

const answers = {
  malformed: {
    status: 400,
    code: "BadRequest",
    message: "An error occurred when parsing the HTTP request.",
  },
  headersTooLarge: {
    status: 400,
    code: "RequestHeaderSectionTooLarge",
    message: "Your request header and query parameter sections exceed the maximum allowed size.",
  },
  httpToTls: {
    status: 400,
    code: "InvalidRequest",
    message:
      "This port serves https, and the request was sent by http. Use an endpoint that begins with https://.",
  },
  timeout: {
    status: 400,
    code: "RequestTimeout",
    message:
      "Your socket connection to the server was not read from or written to within the timeout period. " +
      "Idle connections will be closed.",
  },
  transferEncoding: {
    status: 501,
    code: "NotImplemented",
    message: "A header you provided implies functionality that is not implemented",
    header: "Transfer-Encoding",
  },
  overloaded: { status: 503, code: "SlowDown", message: "Please reduce your request rate." },
  internal: {
    status: 500,
    code: "InternalError",
    message: "We encountered an internal error. Please try again.",
  },
} as const;

export type BareAnswer = keyof typeof answers;

function document(what: BareAnswer): string {
  const answer = answers[what];
  const header = "header" in answer ? `<Header>${answer.header}</Header>` : "";
  return (
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
    `<Error><Code>${answer.code}</Code><Message>${answer.message}</Message>${header}</Error>`
  );
}

export function bareAnswer(what: BareAnswer): HttpResponse {
  const { status } = answers[what];
  const headers: [string, string][] = [["content-type", "application/xml"]];
  if (status === 503) headers.push(["retry-after", "1"]);
  return { status, headers, body: encodeUtf8(document(what)) };
}

/** The same as raw HTTP, for a socket on which nothing could be parsed. */
export function rawAnswer(what: BareAnswer): string {
  const { status } = answers[what];
  const body = document(what);
  return (
    `HTTP/1.1 ${status} ${status === 400 ? "Bad Request" : "Error"}\r\ncontent-type: application/xml\r\n` +
    `content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`
  );
}

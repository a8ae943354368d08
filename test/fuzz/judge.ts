import { XMLValidator } from "fast-xml-parser";
import { isAdminPath } from "./draft.ts";
import type { Answer } from "./fuzz-peer.ts";

/**
 * Errors of the bridge to HTTP, which has no request id to give: nothing of the request was read.
 */
const bareCodes = new Set([
  "BadRequest",
  "RequestHeaderSectionTooLarge",
  "RequestTimeout",
  "ExpectationFailed",
  "NotImplemented", // a transfer coding
]);

const element = (text: string, name: string): string | undefined =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];

/** The fault in an answer itself, whatever was asked; undefined if there is none. */
export function formComplaint(answer: Answer, isHead: boolean, path: string): string | undefined {
  const { status } = answer;
  if (answer.header("x-evil") !== undefined) return "a header was slipped into the answer";
  if (status >= 500 && status !== 501) return `${status} ${errorCode(answer) ?? ""}`;
  if (status < 200 || status > 599) return `status ${status}`;
  if (isAdminPath(path)) return undefined;
  const text = answer.body.toString();
  if (status >= 400) return isHead ? undefined : errorComplaint(answer, text);
  if (answer.header("x-amz-request-id") === undefined) return "no request id";
  const isDocument = text.startsWith("<?xml") || text.startsWith(" ");
  if (!isDocument || !text.includes('xmlns="http://s3.amazonaws.com')) return undefined;
  return xmlComplaint(text);
}

function errorComplaint(answer: Answer, text: string): string | undefined {
  const malformed = xmlComplaint(text);
  if (malformed !== undefined) return malformed;
  if (answer.header("content-type") !== "application/xml") return "an error that is not XML";
  const code = element(text, "Code");
  if (code === undefined) return "an error without a code";
  const requestId = element(text, "RequestId");
  if (requestId === undefined) return bareCodes.has(code) ? undefined : "an error without an id";
  const sent = answer.header("x-amz-request-id");
  return requestId === sent ? undefined : `RequestId ${requestId} under the header ${sent ?? ""}`;
}

function xmlComplaint(text: string): string | undefined {
  // References to control characters are S3's way, and no XML 1.0: the validator lets them pass, as
  // parsers in use do.
  const result = XMLValidator.validate(text.trimStart());
  return result === true ? undefined : `malformed XML (${result.err.msg}): ${text.slice(0, 300)}`;
}

export function errorCode(answer: Answer): string | undefined {
  return element(answer.body.toString("latin1", 0, 4096), "Code");
}

/**
 * True if the answer says that the request was carried out. Long operations begin to answer before
 * they know; a list of deletions names those that failed.
 */
export function isDone({ status, body }: Answer): boolean {
  const hasFailed = status === 200 && body.includes("<Error>") && !body.includes("<DeleteResult");
  return status >= 200 && status < 400 && status !== 304 && !hasFailed;
}

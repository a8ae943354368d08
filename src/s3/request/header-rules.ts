import type { Headers } from "../../platform/http.ts";
import { headerNotImplemented, invalidArgument } from "../errors.ts";

// Headers of features that are not built. Ignored, the client would believe its object encrypted,
// locked, private or unchanged when it is not; so they are refused. Headers that only ask who pays
// or which optional fields to show are not among them.

/** Prefixes of headers that are refused whatever they say. */
const prefixes: readonly string[] = [
  "x-amz-server-side-encryption",
  "x-amz-copy-source-server-side-encryption",
  "x-amz-object-lock-",
  "x-amz-grant-",
  "x-amz-website-redirect-location",
  "x-amz-write-offset-bytes",
  "x-amz-if-match-size",
  "x-amz-if-match-last-modified-time",
  "x-amz-if-match-initiated-time",
];

const unsupported = new RegExp(`^(?:${prefixes.join("|")})`);

/** Headers that are refused unless they ask for what is the case anyway. */
const harmless: ReadonlyMap<string, readonly string[]> = new Map([
  ["x-amz-acl", ["private", "bucket-owner-full-control", "bucket-owner-read"]],
  ["x-amz-bucket-object-lock-enabled", ["false"]],
  ["x-amz-object-ownership", ["BucketOwnerEnforced"]],
  ["x-amz-bucket-namespace", ["global"]],
]);

export function refuseUnsupportedHeaders(headers: Headers): void {
  for (const [name, value] of headers) {
    if (!name.startsWith("x-amz-")) continue;
    const taken = harmless.get(name)?.includes(value.trim()) ?? !unsupported.test(name);
    if (!taken) throw headerNotImplemented(name);
  }
}

/**
 * Refuses parameters of a presigned URL that no header can hold, since they must not get into an
 * answer's headers.
 */
export function checkHeaderForm(headers: Headers): void {
  for (const [name, value] of headers) {
    const isHeader = /^[\w!#$%&'*+.^`|~-]+$/.test(name) && isHeaderValue(value);
    if (!isHeader) throw invalidArgument(name, value, "The parameter cannot stand for a header");
  }
}

/** One byte a character; no control character but the tab. */
export function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

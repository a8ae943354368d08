import type { Headers } from "../../platform/http.ts";
import { invalidArgument } from "../errors.ts";

/** What came in the query of a presigned URL may be what no header can hold, and must not get into an answer's. */
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

import type { HeaderList } from "../../platform/http.ts";
import { invalidArgument } from "../errors.ts";

/** A request's headers by lower-case name; what was sent several times is joined as HTTP allows. */
export type Headers = ReadonlyMap<string, string>;

export function headersByName(list: HeaderList): Headers {
  const headers = new Map<string, string>();
  for (const [name, value] of list) {
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return headers;
}

/** What came in the query of a presigned URL may be what no header can hold, and must not get into an answer's. */
export function checkHeaderForm(list: HeaderList): void {
  for (const [name, value] of list) {
    const isHeader = /^[\w!#$%&'*+.^`|~-]+$/.test(name) && isHeaderValue(value);
    if (!isHeader) throw invalidArgument(name, value, "The parameter cannot stand for a header");
  }
}

/** One byte a character; no control character but the tab. */
export function isHeaderValue(text: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text);
}

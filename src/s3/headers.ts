import type { HeaderList } from "../platform/http.ts";

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

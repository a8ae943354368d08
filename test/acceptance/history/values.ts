import { contentOf, md5Of } from "../named-content.ts";

/*
 * Values by name, so that bytes and ETag follow from it: `SIZE-CLIENT-NUMBER` was put, with `-mp`
 * behind it uploaded as one part, and `NAME+CLIENT-NUMBER` is a copy of NAME.
 */

/**
 * The metadata header that holds the value's name: a reader must have read the value of that name.
 */
export const nameHeader = "x-amz-meta-name";

const multipartMark = "-mp";

export function uploadedName(name: string): string {
  return name + multipartMark;
}

export function copyName(source: string, name: string): string {
  return `${sourceOf(source)}+${name}`;
}

export function bytesOf(name: string): Buffer {
  return contentOf(sourceOf(name));
}

export function etagOf(name: string): string {
  const md5 = md5Of(bytesOf(name));
  return name.endsWith(multipartMark) ? `${md5Of(Buffer.from(md5, "hex"))}-1` : md5;
}

function sourceOf(name: string): string {
  return name.split("+")[0] ?? name;
}

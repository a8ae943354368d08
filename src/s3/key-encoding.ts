import { decodeUtf8 } from "../base/bytes.ts";
import type { S3Call } from "./call.ts";
import { invalidArgument } from "./errors.ts";
import { percentEncodeKey } from "./percent.ts";
import { type Xml, element, textElement } from "./xml-write.ts";

/**
 * How the keys of a listing are written: as they are, or percent-encoded for parsers that can't hold every
 * character (`encoding-type=url`).
 */
export interface KeyEncoding {
  /** An element holding a key, a prefix, a delimiter or a marker; nothing for undefined. */
  keyElement(name: string, value: Uint8Array | undefined): Xml;
  readonly element: Xml;
}

export function keyEncodingOf(call: S3Call): KeyEncoding {
  const type = call.target.query.get("encoding-type");
  if (type !== undefined && type !== "url") {
    throw invalidArgument("encoding-type", type, "Invalid Encoding Method specified in Request");
  }
  const encode = type === "url" ? percentEncodeKey : decodeUtf8;
  return {
    keyElement: (name, value) => textElement(name, value === undefined ? undefined : encode(value)),
    element: textElement("EncodingType", type),
  };
}

export function commonPrefixElement(encoding: KeyEncoding, prefix: Uint8Array): Xml {
  return element("CommonPrefixes", [encoding.keyElement("Prefix", prefix)]);
}

import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { S3Call } from "../call.ts";
import { invalidArgument } from "../errors.ts";
import { percentEncodeKey } from "../request/percent.ts";
import { type XmlBytes, markup } from "../xml/xml-bytes.ts";
import { type Xml, textElement } from "../xml/xml-write.ts";

/**
 * How the keys of a listing are written: as they are, or percent-encoded for parsers that can't hold every
 * character (`encoding-type=url`).
 */
export interface KeyEncoding {
  /** An element holding a key, a prefix, a delimiter or a marker; nothing for undefined. */
  keyElement(name: string, value: Uint8Array | undefined): Xml;
  /**
   * The same of a value that some clients decode and some show as it comes: of it only what decoding would change is
   * encoded, and what XML has no character for.
   */
  echoElement(name: string, value: Uint8Array): Xml;
  /** The value itself, between the tags of a row. */
  write(out: XmlBytes, value: Uint8Array): void;
  readonly element: Xml;
}

export function keyEncodingOf(call: S3Call): KeyEncoding {
  const type = call.target.query.get("encoding-type");
  if (type !== undefined && type !== "url") {
    throw invalidArgument("encoding-type", type, "Invalid Encoding Method specified in Request");
  }
  const encode = type === "url" ? percentEncodeKey : decodeUtf8;
  const echo = type === "url" ? encodeAmbiguous : decodeUtf8;
  return {
    keyElement: (name, value) => textElement(name, value === undefined ? undefined : encode(value)),
    echoElement: (name, value) => textElement(name, echo(value)),
    write: (out, value) => void (type === "url" ? out.percentEncoded(value) : out.text(value)),
    element: textElement("EncodingType", type),
  };
}

function encodeAmbiguous(value: Uint8Array): string {
  // oxlint-disable-next-line no-control-regex -- XML's lack of them is what it is about
  const ambiguous = /[%+\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
  return decodeUtf8(value).replace(ambiguous, (character) =>
    percentEncodeKey(encodeUtf8(character)),
  );
}

const commonPrefixStart = markup("<CommonPrefixes><Prefix>");
const commonPrefixEnd = markup("</Prefix></CommonPrefixes>");

export function writeCommonPrefix(out: XmlBytes, encoding: KeyEncoding, prefix: Uint8Array): void {
  encoding.write(out.markup(commonPrefixStart), prefix);
  out.markup(commonPrefixEnd);
}

import { encodeUtf8, fromBase64, toBase64, tryDecodeUtf8 } from "../base/bytes.ts";

// User metadata beyond ASCII, in headers. HTTP fields are bytes, clients send UTF-8 in them or the encoded
// words of RFC 2047, and S3 answers with encoded words. Headers come and go as text with one character
// per byte (ISO 8859-1), as Node gives them.

const word = /=\?utf-8\?(b|q)\?([^?]*)\?=(?:[ \t]+(?==\?))?/gi;

/** A header's text from its bytes and encoded words; what is neither stays as it came. */
export function decodeHeaderText(value: string): string {
  if (value.includes("=?"))
    return value.replace(word, (whole, kind: string, text: string) => {
      return (kind.toLowerCase() === "b" ? decodeB(text) : decodeQ(text)) ?? whole;
    });
  return fromUtf8Bytes(value) ?? value;
}

function decodeB(text: string): string | undefined {
  const bytes = fromBase64(text);
  return bytes === undefined ? undefined : tryDecodeUtf8(bytes);
}

function decodeQ(text: string): string | undefined {
  const plain = text.replaceAll("_", " ").replace(/=([0-9a-fA-F]{2})/g, (_, hex: string) => {
    return String.fromCharCode(Number.parseInt(hex, 16));
  });
  return fromUtf8Bytes(plain);
}

/** The text whose UTF-8 is these bytes, one per character. */
function fromUtf8Bytes(value: string): string | undefined {
  return tryDecodeUtf8(Uint8Array.from(value, (character) => character.charCodeAt(0)));
}

/** For an answer: as it is where it is printable ASCII, else one encoded word. */
export function encodeHeaderText(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  return `=?UTF-8?B?${toBase64(encodeUtf8(text))}?=`;
}

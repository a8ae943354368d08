import { encodeUtf8, fromBase64, toBase64, tryDecodeUtf8 } from "../../base/bytes.ts";

// User metadata beyond ASCII, in headers. HTTP fields are bytes, clients send UTF-8 in them or the encoded
// words of RFC 2047, and S3 answers with encoded words. Headers come and go as text with one character
// per byte (ISO 8859-1), as Node gives them.

/** One encoded word, and the space between it and a next one, which stands for nothing. */
const word = /=\?utf-8\?(b|q)\?([ ->@-~]*)\?=(?:[ \t]+(?==\?))?/gi;

/** A header's text from its bytes and encoded words; what is neither stays as it came. */
export function decodeHeaderText(value: string): string {
  const text = fromUtf8Bytes(value) ?? value;
  if (!text.includes("=?")) return text;
  return text.replace(word, (whole, kind: string, encoded: string) => {
    return (kind.toLowerCase() === "b" ? decodeB(encoded) : decodeQ(encoded)) ?? whole;
  });
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

/**
 * @limit Characters of a word's content: RFC 2047 allows 75 in a word, and 12 of them say what it
 * is.
 */
const contentMax = 63;

/**
 * For an answer: as it is where it is ASCII that a header can hold. Else encoded words as S3's answers show them: kind Q
 * where most characters are ASCII, else B, and halved until each is short enough.
 */
export function encodeHeaderText(text: string): string {
  if (/^[\t\x20-\x7e]*$/.test(text)) return text;
  const plain = text.match(/[\t\r\n\x20-\x7e]/g)?.length ?? 0;
  const isMostlyPlain = plain > text.length - plain;
  const words = isMostlyPlain ? encodeWords(text, "Q", encodeQ) : encodeWords(text, "B", encodeB);
  return words.join(" ");
}

/** Text as a header that is read as just that, whatever it looks like: forms do not encode. */
export function literalHeaderText(text: string): string {
  return text.includes("=?") ? `=?UTF-8?B?${encodeB(text)}?=` : wireText(text);
}

/** Headers are text of one character per byte. */
export function wireText(text: string): string {
  return Array.from(encodeUtf8(text), (byte) => String.fromCharCode(byte)).join("");
}

function encodeWords(
  text: string,
  kind: "Q" | "B",
  encode: (text: string) => string,
): readonly string[] {
  const content = encode(text);
  const middle = middleOf(text);
  if (content.length <= contentMax || middle === 0) return [`=?UTF-8?${kind}?${content}?=`];
  const halves = [text.slice(0, middle), text.slice(middle)];
  return halves.flatMap((half) => encodeWords(half, kind, encode));
}

/** Not between the two units of one character. */
function middleOf(text: string): number {
  const middle = Math.floor(text.length / 2);
  const isInside = middle > 0 && (text.codePointAt(middle - 1) ?? 0) > 0xffff;
  return isInside ? middle - 1 : middle;
}

function encodeB(text: string): string {
  return toBase64(encodeUtf8(text));
}

function encodeQ(text: string): string {
  const encoded = Array.from(encodeUtf8(text), (byte) => {
    const character = String.fromCharCode(byte);
    if (character === " ") return "_";
    if (/[!-<>@-^`-~]/.test(character)) return character;
    return `=${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  return encoded.join("");
}

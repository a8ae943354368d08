import { encodeUtf8, fromBase64, toBase64, tryDecodeUtf8 } from "../../base/bytes.ts";

const percent = 0x25;

/**
 * The bytes that a percent-encoded text stands for; characters that are not escaped stand for their
 * UTF-8. Undefined where a `%` is not followed by two hexadecimal digits.
 */
export function percentDecode(text: string): Uint8Array | undefined {
  const bytes = encodeUtf8(text);
  if (!text.includes("%")) return bytes;
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const out = new Uint8Array(bytes.length);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const escaped = bytes[i] === percent;
    if (escaped) i += 2;
    out[length++] = escaped ? hexPair(bytes[i - 1]!, bytes[i]!) : bytes[i]!;
  }
  return out.subarray(0, length);
}

function hexPair(high: number, low: number): number {
  return Number.parseInt(String.fromCharCode(high, low), 16);
}

/** The text behind a percent-encoded one, or undefined where there is none in UTF-8. */
export function percentDecodeText(text: string): string | undefined {
  const bytes = percentDecode(text);
  return bytes === undefined ? undefined : tryDecodeUtf8(bytes);
}

/** Decodes names and values as forms write them: `+` is a space. */
export function formDecode(text: string): string | undefined {
  return percentDecodeText(text.replaceAll("+", " "));
}

const encodedBytes: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z0-9._~/-]/.test(character)) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});

/** Encodes a key as `encoding-type=url` asks: RFC 3986's unreserved characters and `/` stay. */
export function percentEncodeKey(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += encodedBytes[byte]!;
  return out;
}

// User metadata beyond ASCII, in headers. HTTP fields are bytes, clients send UTF-8 in them or the
// encoded words of RFC 2047, and S3 answers with encoded words. Headers come and go as text with
// one character per byte (ISO 8859-1), as Node gives them.

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
 * Encodes text for an answer's header: unchanged if it is ASCII that a header can hold. Otherwise
 * in encoded words as S3 sends them: kind Q where most characters are ASCII, else B, and halved
 * until each is short enough.
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

/** Finds a place that is not between the two units of one character. */
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

import { encodeUtf8, tryDecodeUtf8 } from "../../base/bytes.ts";

const percent = 0x25;

/**
 * The bytes that a percent-encoded text stands for; characters that are not escaped stand for their UTF-8.
 * Undefined where a `%` is not followed by two hexadecimal digits.
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

/** As forms write names and values: `+` is a space. */
export function formDecode(text: string): string | undefined {
  return percentDecodeText(text.replaceAll("+", " "));
}

const encodedBytes: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[A-Za-z0-9._~/-]/.test(character)) return character;
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
});

/** What `encoding-type=url` does to keys: RFC 3986's unreserved characters and `/` stay. */
export function percentEncodeKey(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += encodedBytes[byte]!;
  return out;
}

import { decodeUtf8, encodeUtf8, noBytes, writeAscii } from "../../base/bytes.ts";
import type { Xml } from "./xml-write.ts";
import { documentEnd, documentStart, escapeText } from "./xml-write.ts";

/*
 * XML as bytes, for the rows of a listing. A page has a thousand rows of seven elements: as texts
 * that are joined and then encoded they took 3 µs a row, written straight into the answer's bytes
 * 0.9 (Node 26.10, 2 virtual cores, November 2026).
 */

const initialBytes = 64 * 1024;

/** A whole answer: finished elements, and behind them what `writeRows` writes. */
export function xmlPage(
  root: string,
  head: readonly Xml[],
  writeRows: (out: XmlBytes) => void,
): Uint8Array {
  const out = new XmlBytes();
  out.xml((documentStart(root) + head.join("")) as Xml); // joined from finished XML
  writeRows(out);
  out.xml(documentEnd(root));
  return out.finish();
}

/** Markup that is written often, as bytes. */
export function markup(xml: string): Uint8Array {
  return encodeUtf8(xml);
}

const digitZero = 0x30;
const hexDigits = encodeUtf8("0123456789abcdef");
const base64UrlDigits = encodeUtf8(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
);
const msPerDay = 86_400_000;

/** 1 for bytes of text that stand for themselves: printable ASCII without `&`, `<`, `>` and `"`. */
const plainBytes = Uint8Array.from({ length: 256 }, (_, byte) => {
  return Number(byte >= 0x20 && byte < 0x7f && !'&<>"'.includes(String.fromCharCode(byte)));
});

/** 1 for RFC 3986's unreserved characters and `/`. */
const unreservedBytes = Uint8Array.from({ length: 256 }, (_, byte) => {
  return Number(/[A-Za-z0-9._~/-]/.test(String.fromCharCode(byte)));
});

export class XmlBytes {
  #bytes = new Uint8Array(initialBytes);
  #end = 0;
  /** The last day that a time was on, and the last time, as it was written. */
  #day = Number.NaN;
  #time: Uint8Array = noBytes;
  readonly #repeated = new Map<string, Uint8Array>();

  /** The bytes written; the writer is used up. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#end);
  }

  markup(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  xml(xml: Xml): this {
    const at = this.#reserve(xml.length);
    if (writeAscii(xml, this.#bytes, at)) return this;
    this.#end = at;
    return this.markup(encodeUtf8(xml));
  }

  /** Text of ASCII without a character that means something in XML. */
  plain(text: string): this {
    return this.xml(text as Xml); // by its contract
  }

  /** Text given in UTF-8, escaped as `textElement` does it. */
  text(utf8: Uint8Array): this {
    const start = this.#reserve(utf8.length);
    const bytes = this.#bytes;
    for (let i = 0; i < utf8.length; i++) {
      const byte = utf8[i]!;
      if (plainBytes[byte] === 0) {
        this.#end = start;
        return this.xml(escapeText(decodeUtf8(utf8)));
      }
      bytes[start + i] = byte;
    }
    return this;
  }

  /** Bytes as `encoding-type=url` wants them. */
  percentEncoded(key: Uint8Array): this {
    let at = this.#reserve(key.length * 3);
    const bytes = this.#bytes;
    for (let i = 0; i < key.length; i++) {
      const byte = key[i]!;
      if (unreservedBytes[byte] === 1) {
        bytes[at++] = byte;
        continue;
      }
      bytes[at++] = 0x25;
      bytes[at++] = upperHexDigit(byte >> 4);
      bytes[at++] = upperHexDigit(byte & 15);
    }
    this.#end = at;
    return this;
  }

  hex(value: Uint8Array): this {
    const start = this.#reserve(value.length * 2);
    const bytes = this.#bytes;
    for (let i = 0; i < value.length; i++) {
      const byte = value[i]!;
      bytes[start + 2 * i] = hexDigits[byte >> 4]!;
      bytes[start + 2 * i + 1] = hexDigits[byte & 15]!;
    }
    return this;
  }

  /** Base64url of bytes whose number is a multiple of three, so that nothing is padded. */
  base64Url(value: Uint8Array): this {
    let at = this.#reserve((value.length / 3) * 4);
    const bytes = this.#bytes;
    for (let i = 0; i < value.length; i += 3) {
      const three = (value[i]! << 16) | (value[i + 1]! << 8) | value[i + 2]!;
      bytes[at++] = base64UrlDigits[three >> 18]!;
      bytes[at++] = base64UrlDigits[(three >> 12) & 63]!;
      bytes[at++] = base64UrlDigits[(three >> 6) & 63]!;
      bytes[at++] = base64UrlDigits[three & 63]!;
    }
    return this;
  }

  /** A whole number from 0 on. */
  number(value: number): this {
    return this.plain(String(value));
  }

  /** Writes a time as `formatIsoDate` does. */
  isoDate(ms: number): this {
    const day = Math.floor(ms / msPerDay);
    if (day !== this.#day) {
      this.#day = day;
      this.#time = encodeUtf8(new Date(day * msPerDay).toISOString());
    }
    const seconds = Math.floor((ms - day * msPerDay) / 1000);
    const at = this.#time.length - "00:00:00.000Z".length;
    setDigits(this.#time, at, Math.floor(seconds / 3600));
    setDigits(this.#time, at + 3, Math.floor(seconds / 60) % 60);
    setDigits(this.#time, at + 6, seconds % 60);
    return this.markup(this.#time);
  }

  /** A text that is the same in row after row, escaped. */
  repeatedText(text: string): this {
    let bytes = this.#repeated.get(text);
    if (bytes === undefined) {
      bytes = encodeUtf8(escapeText(text));
      this.#repeated.set(text, bytes);
    }
    return this.markup(bytes);
  }

  #reserve(count: number): number {
    const at = this.#end;
    this.#end = at + count;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }
}

function setDigits(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = digitZero + Math.floor(value / 10);
  bytes[at + 1] = digitZero + (value % 10);
}

function upperHexDigit(value: number): number {
  return value < 10 ? digitZero + value : 0x41 - 10 + value;
}

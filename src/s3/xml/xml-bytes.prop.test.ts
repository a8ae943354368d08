import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeUtf8, encodeUtf8, toHex } from "../../base/bytes.ts";
import { percentEncodeKey } from "../request/text-encoding.ts";
import { formatIsoDate } from "../response/listing.ts";
import { XmlBytes, xmlPage } from "./xml-bytes.ts";
import { escapeText, textElement, xmlDocument } from "./xml-write.ts";

/** Bytes of every kind: text with a meaning in XML, halves of characters, control characters. */
const someBytes = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }).map(encodeUtf8),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }).map(encodeUtf8),
  fc.uint8Array({ maxLength: 40 }),
);
const times = fc.integer({ min: -1e12, max: 1e14 });

function written(write: (out: XmlBytes) => unknown): string {
  const out = new XmlBytes();
  write(out);
  return decodeUtf8(out.finish());
}

test("XML bytes: text, keys, digests, numbers and times are what the functions for texts make of them", () => {
  fc.assert(
    fc.property(someBytes, fc.maxSafeNat(), times, times, (bytes, number, first, second) => {
      const text = escapeText(decodeUtf8(bytes));
      assert.equal(
        written((out) => out.text(bytes).xml(text)),
        text + text,
      );
      assert.equal(
        written((out) => out.percentEncoded(bytes).hex(bytes)),
        percentEncodeKey(bytes) + toHex(bytes),
      );
      const dates = [first, second, second + 1, first + 86_400_000];
      assert.equal(
        written((out) => dates.forEach((ms) => out.number(number).isoDate(ms))),
        dates.map((ms) => `${number}${formatIsoDate(ms)}`).join(""),
      );
    }),
    { numRuns: 1000 },
  );
});

test("XML bytes: a page larger than what was there for it is whole", () => {
  const name = "k".repeat(100);
  const names = Array.from({ length: 3000 }, (_, index) => `${name}é${index}`);
  const rows = names.map((each) => textElement("Key", each));
  const page = xmlPage("Page", rows.slice(0, 1500), (out) => {
    for (const row of rows.slice(1500)) out.xml(row);
  });
  assert.equal(decodeUtf8(page), decodeUtf8(xmlDocument("Page", rows)));
});

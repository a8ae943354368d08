import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../base/bytes.ts";
import { S3Error } from "./errors.ts";
import { type XmlNode, childText, childrenOf, parseXml } from "./xml-read.ts";

const marks: readonly string[] = (
  "<a> </a> <a/> <Delete> </Delete> <x:a> <__proto__> </__proto__> <![CDATA[ ]]> <!-- --> <?pi ?> <!DOCTYPE ]> " +
  "&b; &amp; &#0; &#xD800; &#x110000; &# &constructor; < > ' \" \0 \u0001 \ufffe \u{1F600} text"
).split(" ");

/** What documents that are nearly well-formed are made of. */
const piece = fc.oneof(fc.constantFrom(...marks), fc.string({ unit: "binary", maxLength: 5 }));

/** Walks the whole tree as operations do. */
function read(node: XmlNode): number {
  assert.equal(typeof node.text, "string");
  return node.children.reduce((sum, child) => sum + read(child), 1);
}

function parsesOrRefuses(bytes: Uint8Array): void {
  try {
    const root = parseXml(bytes, "Delete");
    assert.equal(root.name, "Delete");
    assert.ok(read(root) >= 1);
    for (const object of childrenOf(root, "a")) childText(object, "a");
  } catch (error) {
    assert.ok(error instanceof S3Error, String(error));
    assert.equal(error.code, "MalformedXML");
  }
}

test("XML: any text between the tags of the root is read or refused as MalformedXML, never anything else", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      parsesOrRefuses(encodeUtf8(`<Delete>${pieces.join("")}</Delete>`));
      parsesOrRefuses(encodeUtf8(pieces.join("")));
    }),
    { numRuns: 2000 },
  );
});

test("XML: so are any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, isInside) => {
      const tags = isInside ? (["<Delete>", "</Delete>"] as const) : (["", ""] as const);
      parsesOrRefuses(Buffer.concat([encodeUtf8(tags[0]), bytes, encodeUtf8(tags[1])]));
    }),
    { numRuns: 1000 },
  );
});

test("XML: what an element holds as text is read as it was, however it was written", () => {
  // Other characters cannot stand in XML as they are; a lone \r is read as \n.
  const stands = (character: string): boolean => character >= " " && character < "\ufffe";
  const text = fc.string({ unit: "grapheme" }).filter((value) => value.split("").every(stands));
  fc.assert(
    fc.property(text, fc.constantFrom("named", "numeric", "cdata"), (value, form) => {
      const written = {
        named: value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
        numeric: Array.from(value, (c) => `&#x${c.codePointAt(0)!.toString(16)};`).join(""),
        cdata: `<![CDATA[${value.replaceAll("]]>", "]]]]><![CDATA[>")}]]>`,
      }[form];
      const root = parseXml(encodeUtf8(`<Delete><Key>${written}</Key></Delete>`), "Delete");
      assert.equal(childText(root, "Key"), value);
    }),
  );
});

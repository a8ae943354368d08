import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../base/bytes.ts";
import { S3Error } from "../errors.ts";
import { type XmlNode, childText, childrenOf, parseXml } from "./xml-read.ts";

function parse(text: string): XmlNode {
  return parseXml(encodeUtf8(text), "a");
}

function refuses(text: string | Uint8Array): void {
  const bytes = typeof text === "string" ? encodeUtf8(text) : text;
  const malformed = (error: unknown) => error instanceof S3Error && error.code === "MalformedXML";
  assert.throws(() => parseXml(bytes, "a"), malformed, String(text).slice(0, 80));
}

test("xml: elements by name, namespaces and attributes aside", () => {
  const root = parse('<?xml version="1.0"?><s:a xmlns:s="x" y="z"><b>1</b><c/><b> 2 </b></s:a>');
  assert.deepEqual(
    childrenOf(root, "b").map((node) => node.text),
    ["1", " 2 "],
  );
  assert.equal(childText(root, "c"), "");
  assert.equal(childText(root, "d"), undefined);
});

test("xml: character references, XML's own entities and CDATA are text", () => {
  const root = parse("<a>&amp;&lt;&gt;&quot;&apos;&#13;&#x1F600;<![CDATA[&amp;<b>]]></a>");
  assert.equal(root.text, "&<>\"'\r😀&amp;<b>");
});

test("xml: names that every JavaScript object knows are no entities", () => {
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    refuses(`<a>&${name};</a>`);
  }
});

test("xml: numbers, spaces and leading zeros in text stay as they are", () => {
  assert.equal(parse("<a> 007e1 </a>").text, " 007e1 ");
});

test("xml: what is not one well-formed root of the right name is refused", () => {
  for (const text of ["", " ", "text", "<a>", "<a></b>", "<b/>", "<a/><a/>", "<a><b></a></b>"]) {
    refuses(text);
  }
  refuses("<a><!b></a>");
  refuses("<a>&unknown;</a>");
  refuses("<a>&#xD800;</a>");
  refuses("<a>&#x110000;</a>");
  refuses(Uint8Array.of(0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e));
});

test("xml: an element that may stand once and stands twice is refused", () => {
  assert.throws(() => childText(parse("<a><b>1</b><b>2</b></a>"), "b"), /well-formed/);
});

test("xml: entities of the document's own are refused, and so is nesting without end", () => {
  const bomb =
    '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>';
  refuses(bomb);
  refuses('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>');
  refuses("<a>".repeat(1000) + "</a>".repeat(1000));
});

test("xml: names that mean something to JavaScript are names or refused, nothing else", () => {
  assert.equal(childText(parse("<a><__proto__>1</__proto__></a>"), "__proto__"), "1");
  assert.equal(childText(parse("<a><toString>1</toString></a>"), "valueOf"), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { XMLParser } from "fast-xml-parser";
import { encodeUtf8 } from "../../base/bytes.ts";
import { S3Error } from "../errors.ts";
import { LoopShare } from "../../base/loop-share.ts";
import {
  type XmlNode,
  childText,
  childrenOf,
  parseAnyXml,
  parseXml,
  readXmlChildren,
} from "./xml-read.ts";

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

test("XML: any bytes between the tags of the root are read or refused as MalformedXML", () => {
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

/** What a parser for all of XML makes of a document: names and text, entities left as they are. */
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  cdataPropName: "#cdata",
  removeNSPrefix: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
});

type Parsed = Readonly<Record<string, unknown>>;

function parsedElsewhere(text: string): unknown {
  const shape = (items: readonly Parsed[]): unknown[] =>
    items.flatMap((item) => {
      const name = Object.keys(item)[0] ?? "";
      if (name.startsWith("#")) return [];
      return [[name, shape(item[name] as readonly Parsed[])]]; // elements hold a list
    });
  try {
    return shape(parser.parse(text, true) as readonly Parsed[]); // the shape of `preserveOrder`
  } catch {
    return "refused";
  }
}

function parsedHere(text: string): unknown {
  const shape = ({ name, children }: XmlNode): unknown => [name, children.map(shape)];
  try {
    return [shape(parseAnyXml(encodeUtf8(text)))];
  } catch {
    return "refused";
  }
}

test("XML: documents are taken and refused as a parser for all of XML does it", () => {
  const names = fc.constantFrom("a", "x:a", "b-c", "_d", "é");
  const attribute = fc.constantFrom("", " b='c'", ' b = "<"', " b='>' c='&'", " b", " b='1' b='2'");
  const text = fc.constantFrom(
    "",
    "text",
    " \n",
    "&amp;",
    "<![CDATA[<a>]]>",
    "<!-- <b> -->",
    "<?pi?>",
  );
  const wrong = fc.constantFrom("<", "</a>", "<a>", "<1/>", "< a/>", "<a/ >", "<!--", "]]>");
  const { tree } = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      text,
      fc
        .tuple(names, attribute, fc.array(tie("tree"), { maxLength: 3 }), fc.constantFrom("", " "))
        .map(([name, given, inner, gap]) => `<${name}${given}>${inner.join("")}</${name}${gap}>`),
      fc.tuple(names, attribute).map(([name, given]) => `<${name}${given}/>`),
    ),
  }));
  const document = fc.tuple(
    fc.constantFrom("", '<?xml version="1.0"?>', " ", "\ufeff"),
    fc.array(tree, { maxLength: 4 }),
    fc.oneof({ weight: 4, arbitrary: fc.constant("") }, { weight: 1, arbitrary: wrong }),
    fc.constantFrom("", "\n", "<!-- end -->"),
  );
  fc.assert(
    fc.property(document, ([prolog, inner, more, end]) => {
      const text = `${prolog}<Root>${inner.join("")}${more}</Root>${end}`;
      assert.deepEqual(parsedHere(text), parsedElsewhere(text));
    }),
    { numRuns: 2000 },
  );
});

/** The children of the root as they come, and how many turns of the loop were waited for. */
async function parseLarge(text: string): Promise<{ children: XmlNode[]; turns: number }> {
  const children: XmlNode[] = [];
  let turns = 0;
  const loop = new LoopShare(async () => void turns++);
  await readXmlChildren(encodeUtf8(text), "Delete", loop, (child) => children.push(child));
  return { children, turns };
}

test("XML: a document read child by child has the children that it has in one piece", async () => {
  const inner = fc.constantFrom(
    "text",
    "&lt;",
    "<b c='>'/>",
    "<![CDATA[</Object>]]>",
    "<!-- <a> -->",
  );
  const child = fc.tuple(
    fc.constantFrom("Object", "x:Object", "Quiet"),
    fc.array(inner),
    fc.nat(900),
  );
  const between = fc.constantFrom("", "\n  ", "<!-- </Delete> -->", "<?pi <a?>");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(child, between), { maxLength: 60 }), async (all) => {
      const body = all.map(([[name, parts, more], gap]) => {
        return `<${name}>${parts.join("")}<Key>${"k".repeat(more)}</Key></${name}>${gap}`;
      });
      // Enough of them that others have their turns meanwhile.
      const text = `<?xml version="1.0"?>\n<Delete a="1">${body.join("").repeat(9)}</Delete>\n`;
      const { children, turns } = await parseLarge(text);
      assert.deepEqual(children, parseXml(encodeUtf8(text), "Delete").children);
      assert.ok(turns > 0 || text.length < 100_000);
    }),
    { numRuns: 100 },
  );
});

test("XML: what a document read child by child is refused for", async () => {
  const many = "<Object><Key>k</Key></Object>".repeat(2000);
  const refused = [
    `<Delete>${many}`,
    `<Delete>${many}</Other>`,
    `<Delete>${many}</Delete></Delete>`,
    `<Delete>${many}</Delete><Delete>${many}</Delete>`,
    `<Other>${many}</Other>`,
    `<Delete>${many}<Object></Delete>`,
    `<Delete>${many}<!-- </Delete>`,
    `<Delete>${many}<!ELEMENT a></Delete>`,
    `<Delete>${many}<Object a="></Delete>`,
    `<Delete><Object>${many}</Object></Delete>`,
    "<Delete>".repeat(100_000),
    "<a".repeat(1_000_000),
    "<!--".repeat(500_000),
    "x".repeat(1_000_000),
    `<Delete>${"x".repeat(1_000_000)}</Delete>`,
  ];
  for (const text of refused) {
    const malformed = (error: unknown) => error instanceof S3Error && error.code === "MalformedXML";
    await assert.rejects(parseLarge(text), malformed, text.slice(-80));
  }
});

import { XMLParser } from "fast-xml-parser";
import { tryDecodeUtf8 } from "../../base/bytes.ts";
import type { LoopShare } from "../../base/loop-share.ts";
import { S3Error } from "../errors.ts";
import { depthMax, sliceXml } from "./xml-slices.ts";

/** An element of a request body: attributes and namespaces do not matter in S3's requests. */
export interface XmlNode {
  readonly name: string;
  readonly children: readonly XmlNode[];
  /** The text directly in it, references resolved, untrimmed. */
  readonly text: string;
}

/**
 * No entities: a document can define its own, each standing for many others, and grow without end. The
 * five of XML and character references are resolved below, everything else is refused.
 */
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
  maxNestedTags: depthMax,
});

/** What fast-xml-parser makes of an element with `preserveOrder`: one property, its name. */
type Parsed = Readonly<Record<string, unknown>>;

/** What parsing a KiB takes, in rows of the index: 0.1 ms (2 cores of 2026). */
const rowsPerKib = 18;

/**
 * The root element of a request body, which must have the given name; `MalformedXML` for anything else. The size was
 * limited by whoever read the body, to what is parsed in a few milliseconds.
 */
export function parseXml(bytes: Uint8Array, root: string): XmlNode {
  return parseRoot(decodeXml(bytes), root);
}

/** The root element, whatever it is called. */
export function parseAnyXml(bytes: Uint8Array): XmlNode {
  return parseRoot(decodeXml(bytes));
}

/**
 * The root element of a body that may be large, its children some at a time, with turns of the event loop in between;
 * `MalformedXML` as above.
 */
export async function* parseLargeXml(
  bytes: Uint8Array,
  root: string,
  loop: LoopShare,
): AsyncGenerator<XmlNode, void, undefined> {
  for (const slice of sliceXml(decodeXml(bytes))) {
    while (loop.isSpent) await loop.turn();
    loop.count((slice.length * rowsPerKib) / 1024);
    yield parseRoot(slice, root);
  }
}

function decodeXml(bytes: Uint8Array): string {
  const text = tryDecodeUtf8(bytes);
  if (text === undefined || text.includes("<!DOCTYPE")) throw new S3Error("MalformedXML");
  return text;
}

function parseRoot(text: string, name?: string): XmlNode {
  const [root, ...others] = toNodes(parse(text));
  const isNamed = name === undefined || root?.name === name;
  if (root === undefined || others.length > 0 || !isNamed) throw new S3Error("MalformedXML");
  return root;
}

function parse(text: string): readonly Parsed[] {
  try {
    return parser.parse(text, true) as readonly Parsed[]; // the shape that preserveOrder gives
  } catch {
    // The library's messages speak of its own line and column counting; S3's answer has no room for them.
    throw new S3Error("MalformedXML");
  }
}

function toNodes(parsed: readonly Parsed[]): XmlNode[] {
  const nodes: XmlNode[] = [];
  for (const item of parsed) {
    const name = Object.keys(item)[0];
    if (name === undefined || name === "#text" || name === "#cdata") continue;
    const content = item[name] as readonly Parsed[]; // elements hold a list
    nodes.push({ name, children: toNodes(content), text: textOf(content) });
  }
  return nodes;
}

function textOf(content: readonly Parsed[]): string {
  let text = "";
  for (const item of content) {
    if (typeof item["#text"] === "string") text += resolveReferences(item["#text"]);
    const cdata = item["#cdata"] as readonly Parsed[] | undefined; // a list of one text
    for (const part of cdata ?? []) text += String(part["#text"]);
  }
  return text;
}

/** A map, since an object would know `constructor` too. */
const named: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

function resolveReferences(text: string): string {
  return text.replace(/&([^;&]*);?/g, (_, reference: string) => {
    const character = named.get(reference) ?? characterReference(reference);
    if (character === undefined) throw new S3Error("MalformedXML");
    return character;
  });
}

function characterReference(reference: string): string | undefined {
  const match = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(reference);
  if (match === null) return undefined;
  const code = match[1] === undefined ? Number(match[2]) : Number.parseInt(match[1], 16);
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code > 0x10ffff || surrogate ? undefined : String.fromCodePoint(code);
}

export function childrenOf(node: XmlNode, name: string): readonly XmlNode[] {
  return node.children.filter((child) => child.name === name);
}

/** The text of the only child of that name; undefined where there is none, `MalformedXML` for several. */
export function childText(node: XmlNode, name: string): string | undefined {
  const found = childrenOf(node, name);
  if (found.length > 1) throw new S3Error("MalformedXML");
  return found[0]?.text;
}

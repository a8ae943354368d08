import { tryDecodeUtf8 } from "../../base/bytes.ts";
import type { LoopShare } from "../../base/loop-share.ts";
import { S3Error } from "../errors.ts";

/*
 * Request bodies in XML, as much of it as S3's clients send: elements, text, references, CDATA,
 * comments and processing instructions. Attributes and namespaces are checked for form and mean
 * nothing. There are no entities but XML's five: a document could define its own, each standing for
 * many others, and grow without end; so a document type is refused, as is everything that is not
 * well-formed. Each character is looked at once, and nesting is limited, so the time a document
 * takes goes with its length: 6 µs a KiB, where a parser for all of XML takes 80 to 150 (Node
 * 26.10, 2 virtual cores, November 2026).
 */

/** @limit S3's deepest request (a lifecycle filter) has 7 levels. */
const depthMax = 20;
/**
 * @limit Characters of one child of the root that is read by itself, and of the text before it: a
 * part with all checksums has 800 characters, a key of references 6,200.
 */
const childCharsMax = 32 * 1024;
/** The cost of reading a KiB, in rows of the index (2 cores of 2026). */
const rowsPerKib = 12;

/** An element of a request body. */
export interface XmlNode {
  /** The element's name without the prefix of its namespace. */
  readonly name: string;
  readonly children: readonly XmlNode[];
  /** The text directly in it, references resolved, untrimmed. */
  readonly text: string;
}

/**
 * The root element of a request body, which must have the given name; `MalformedXML` for anything
 * else. The size was limited by the code that read the body, to what is read in a few milliseconds.
 */
export function parseXml(bytes: Uint8Array, root: string): XmlNode {
  const node = parseAnyXml(bytes);
  if (node.name !== root) throw malformed();
  return node;
}

/** The root element, whatever it is called. */
export function parseAnyXml(bytes: Uint8Array): XmlNode {
  const reader = new XmlReader(bytes);
  const root = reader.root();
  reader.end();
  return root;
}

/**
 * Gives the children of the root element of a body that may be large to `take`, one by one, with
 * turns of the event loop in between; `MalformedXML` as above, perhaps after some were given.
 */
export async function readXmlChildren(
  bytes: Uint8Array,
  root: string,
  loop: LoopShare,
  take: (child: XmlNode) => void,
): Promise<void> {
  const reader = new XmlReader(bytes, childCharsMax);
  if (reader.enterRoot() !== root) throw malformed();
  for (let from = reader.at; ; from = reader.at) {
    while (loop.isSpent) await loop.turn();
    const child = reader.child();
    loop.count(((reader.at - from) * rowsPerKib) / 1024);
    if (child === undefined) break;
    take(child);
  }
  reader.end();
}

const slash = 0x2f;
const exclamation = 0x21;
const question = 0x3f;
const greater = 0x3e;

/** What each code of ASCII may do in a name: 2 begin it, 1 go on with it. */
const nameCodes = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return /[A-Za-z_:]/.test(character) ? 2 : Number(/[-.0-9]/.test(character));
});

/**
 * Behind the name in a start tag: attributes with quotes around their values, and the tag's end.
 */
const attributes = /((?:\s+[^\s<>"'/=]+\s*=\s*(?:"[^"]*"|'[^']*'))*)\s*(\/?)>/y;
const attributeName = /([^\s"'=]+)\s*=\s*(?:"[^"]*"|'[^']*')/g;
const tagEnd = /\s*>/y;
const space = /[ \t\n]*/y;

class XmlReader {
  readonly #text: string;
  readonly #charsMax: number;
  #at: number;
  /** Reading on behind this place is refused. */
  #limit: number;
  /** The name of the root with its prefix, as its end tag has to repeat it. */
  #root = "";
  #isRootEmpty = false;

  /** @param charsMax of a child of the root, where they are read one by one. */
  constructor(bytes: Uint8Array, charsMax = Number.POSITIVE_INFINITY) {
    const text = tryDecodeUtf8(bytes);
    if (text === undefined) throw malformed();
    this.#text = text.includes("\r") ? text.replaceAll(/\r\n?/g, "\n") : text;
    this.#charsMax = charsMax;
    this.#at = text.startsWith("\ufeff") ? 1 : 0;
    this.#limit = this.#at + charsMax;
    if (this.#isDeclaration()) this.#skipPast("?>", this.#at);
  }

  get at(): number {
    return this.#at;
  }

  root(): XmlNode {
    this.#skipOutside();
    return this.#element(1);
  }

  /** Goes into the root element; returns its name. */
  enterRoot(): string {
    this.#skipOutside();
    this.#root = this.#name();
    this.#isRootEmpty = this.#attributes();
    return localName(this.#root);
  }

  /** The next child of the root; undefined: its end tag was passed. */
  child(): XmlNode | undefined {
    if (this.#isRootEmpty) return undefined;
    this.#limit = this.#at + this.#charsMax;
    return this.#child(this.#root, 1, { text: "" });
  }

  /** Only what means nothing may follow the root. */
  end(): void {
    this.#limit = this.#at + this.#charsMax;
    this.#skipOutside();
    if (this.#at < this.#text.length) throw malformed();
  }

  #element(depth: number): XmlNode {
    if (depth > depthMax) throw malformed();
    const name = this.#name();
    const own = { text: "" };
    const children: XmlNode[] = [];
    if (!this.#attributes()) {
      let child = this.#child(name, depth, own);
      for (; child !== undefined; child = this.#child(name, depth, own)) children.push(child);
    }
    return { name: localName(name), children, text: own.text };
  }

  /**
   * The next child of the element of that name, whose text in front of it is added to `own`;
   * undefined: it has ended.
   */
  #child(name: string, depth: number, own: { text: string }): XmlNode | undefined {
    for (;;) {
      own.text += this.#run();
      if (this.#at > this.#limit) throw malformed();
      const second = this.#text.charCodeAt(this.#at + 1);
      if (second === slash) {
        this.#endTag(name);
        return undefined;
      }
      if (second === exclamation && this.#text.startsWith("<![CDATA[", this.#at)) {
        own.text += this.#skipPast("]]>", this.#at + "<![CDATA[".length);
      } else if (second === exclamation || second === question) this.#skipAside();
      else return this.#element(depth + 1);
    }
  }

  /** Reads text up to the next markup. */
  #run(): string {
    const start = this.#at;
    const end = this.#text.indexOf("<", start);
    if (end < 0) throw malformed();
    this.#at = end;
    return end === start ? "" : resolveReferences(this.#text.slice(start, end));
  }

  /** The name behind the `<` that it stands at. */
  #name(): string {
    const text = this.#text;
    const start = this.#at + 1;
    let end = start;
    while (isNameCode(text.charCodeAt(end), end === start)) end++;
    if (end === start) throw malformed();
    this.#at = end;
    return text.slice(start, end);
  }

  /** Passes the rest of a start tag; true: of an empty element. */
  #attributes(): boolean {
    if (this.#text.charCodeAt(this.#at) === greater) {
      this.#at++;
      return false;
    }
    const [whole, found = "", empty] = this.#match(attributes);
    this.#at += whole.length;
    const names = Array.from(found.matchAll(attributeName), ([, name]) => name);
    if (new Set(names).size < names.length) throw malformed();
    return empty !== "";
  }

  #endTag(name: string): void {
    if (!this.#text.startsWith(name, this.#at + 2)) throw malformed();
    this.#at += 2 + name.length;
    this.#at += this.#match(tagEnd)[0].length;
  }

  /**
   * Up to the root, or from there to the end: white space, comments and processing instructions.
   */
  #skipOutside(): void {
    for (;;) {
      this.#at += this.#match(space)[0].length;
      if (this.#at > this.#limit) throw malformed();
      const second = this.#text.charCodeAt(this.#at + 1);
      if (second !== exclamation && second !== question) return;
      this.#skipAside();
    }
  }

  /** A comment or a processing instruction. */
  #skipAside(): void {
    if (this.#text.startsWith("<!--", this.#at)) this.#skipPast("-->", this.#at + 4);
    else if (this.#text.startsWith("<?", this.#at) && !this.#isDeclaration()) {
      this.#skipPast("?>", this.#at);
    } else throw malformed();
  }

  /** Reads the declaration, which names the version of XML and stands at the beginning only. */
  #isDeclaration(): boolean {
    const start = this.#at + "<?xml".length;
    if (!this.#text.startsWith("<?xml", this.#at)) return false;
    return !isNameCode(this.#text.charCodeAt(start), false);
  }

  /** Passes the next `end` from `from` on; returns what stands before it. */
  #skipPast(end: string, from: number): string {
    const found = this.#text.indexOf(end, from);
    if (found < 0) throw malformed();
    this.#at = found + end.length;
    return this.#text.slice(from, found);
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) throw malformed();
    return match;
  }
}

function isNameCode(code: number, isFirst: boolean): boolean {
  // A character above ASCII is a letter of some script, with few exceptions.
  if (code >= 0x80) return code >= 0xc0 && code !== 0xd7 && code !== 0xf7 && code < 0xfffe;
  return nameCodes[code]! > Number(isFirst);
}

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

function malformed(): S3Error {
  return new S3Error("MalformedXML");
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
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&]*);?/g, (_, reference: string) => {
    const character = named.get(reference) ?? characterReference(reference);
    if (character === undefined) throw malformed();
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

/**
 * The text of the only child of that name; undefined where there is none, `MalformedXML` for
 * several.
 */
export function childText(node: XmlNode, name: string): string | undefined {
  let found: XmlNode | undefined;
  for (const child of node.children) {
    if (child.name !== name) continue;
    if (found !== undefined) throw malformed();
    found = child;
  }
  return found?.text;
}

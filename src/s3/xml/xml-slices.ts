import { S3Error } from "../errors.ts";

/*
 * A document of 10,000 elements takes its parser 200 ms, and nobody else is served meanwhile. So it is cut between
 * children of its root into documents that are parsed one by one: each has the same beginning, some of the children, and the
 * root's end tag. Only where an element begins and ends is looked at here, what it means is the parser's affair; what is no
 * markup at all, or is cut off, is refused.
 */

/** S3's deepest request (a lifecycle filter) has 7 levels. */
export const depthMax = 20;
/** 4 ms of the parser's time. */
const sliceCharsMin = 24 * 1024;
/** For one child of the root, a prolog or an epilog: a part with all checksums has 800 characters, a key of references 6,200. */
const childCharsMax = 32 * 1024;

/** A tag, its attributes quoted as they must be: no character is looked at twice. */
const tag = /<\/?([^\s<>"'/]+)[^<>"']*(?:"[^"<]*"[^<>"']*|'[^'<]*'[^<>"']*)*>/y;

/** Documents that together have the children of the one given; `MalformedXML`. */
export function* sliceXml(text: string): Generator<string, void, undefined> {
  let head = "";
  let tail = "";
  let depth = 0;
  let start = 0;
  for (let at = text.indexOf("<"); at >= 0; at = text.indexOf("<", at)) {
    const { end, name, kind } = markupAt(text, at);
    if (kind === "open" && ++depth === 1) {
      if (tail !== "") throw new S3Error("MalformedXML");
      head = text.slice(at, end);
      tail = `</${name}>`;
    }
    if (kind === "close" && --depth < 0) throw new S3Error("MalformedXML");
    if (depth > depthMax || end - start > sliceCharsMin + childCharsMax) {
      throw new S3Error("MalformedXML");
    }
    at = end;
    if (depth !== 1 || end - start < sliceCharsMin) continue;
    yield (start === 0 ? "" : head) + text.slice(start, end) + tail;
    start = end;
  }
  if (text.length - start > sliceCharsMin + childCharsMax) throw new S3Error("MalformedXML");
  yield (start === 0 ? "" : head) + text.slice(start);
}

interface Markup {
  readonly kind: "open" | "close" | "other";
  readonly name: string;
  /** Behind it. */
  readonly end: number;
}

function markupAt(text: string, at: number): Markup {
  const second = text[at + 1];
  if (second === "?") return { kind: "other", name: "", end: endOf(text, at, "?>") };
  if (second === "!") {
    const end = text.startsWith("<!--", at) ? "-->" : "]]>";
    if (end === "]]>" && !text.startsWith("<![CDATA[", at)) throw new S3Error("MalformedXML");
    return { kind: "other", name: "", end: endOf(text, at, end) };
  }
  tag.lastIndex = at;
  const match = tag.exec(text);
  if (match === null) throw new S3Error("MalformedXML");
  const [whole, name = ""] = match;
  const isEmpty = whole.endsWith("/>");
  const kind = second === "/" ? "close" : isEmpty ? "other" : "open";
  return { kind, name, end: at + whole.length };
}

function endOf(text: string, at: number, mark: string): number {
  const found = text.indexOf(mark, at);
  if (found < 0) throw new S3Error("MalformedXML");
  return found + mark.length;
}

import type { SeededRandom } from "../../src/platform/seeded-random.ts";

type XmlFault = (xml: string, random: SeededRandom) => string | Buffer;

const bomb = `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">${"bcdefgh"
  .split("")
  .map((name, i) => `<!ENTITY ${name} "${`&${"abcdefg"[i]};`.repeat(10)}">`)
  .join("")}]>`;

const prolog = '<?xml version="1.0" encoding="UTF-8"?>';

function inMiddle(xml: string, random: SeededRandom, piece: string): string {
  const at = random.below(xml.length + 1);
  return xml.slice(0, at) + piece + xml.slice(at);
}

/** A place between two elements or in one. */
function inText(xml: string, random: SeededRandom, piece: string): string {
  const ends = [...xml.matchAll(/>/g)].map(({ index }) => index + 1);
  if (ends.length === 0) return xml + piece;
  const at = random.pick(ends);
  return xml.slice(0, at) + piece + xml.slice(at);
}

const pieces: readonly string[] = [
  "<!-- a -->",
  "<!-- -- -->",
  "<!--",
  "<![CDATA[a]]>",
  "<![CDATA[",
  "]]>",
  "<?pi a?>",
  "<?",
  "<",
  "&",
  "&amp;",
  "&h;",
  "&#0;",
  "&#x0;",
  "&#xD800;",
  "&#x10FFFF;",
  "&#x110000;",
  "&#99999999999;",
  "&#;",
  "&__proto__;",
  "&constructor;",
  "\0",
  "\u0001",
  "\ufffe",
  "\u{1F600}",
  " \r\n\t",
  "<a/>",
  "<a></a>",
  "<a b='c'/>",
  "<a b=c>",
  "<a b='1' b='2'/>",
  "<x:a/>",
  "<:/>",
  "<1/>",
  "<__proto__>a</__proto__>",
  "<constructor/>",
  "<Quiet>maybe</Quiet>",
  "<Key></Key>",
  "<VersionId>x</VersionId>",
  "<Status>Enabled</Status>",
  "<PartNumber>1</PartNumber>",
  "<PartNumber>99999999999999999999</PartNumber>",
  "<PartNumber>-1</PartNumber>",
  "<ETag></ETag>",
  "<ChecksumCRC32>%</ChecksumCRC32>",
  "</a>",
  "</Delete>",
];

const faults: readonly XmlFault[] = [
  (xml, random) => inMiddle(xml, random, random.pick(pieces)),
  (xml, random) => inText(xml, random, random.pick(pieces)),
  (xml) => bomb + xml,
  (xml, random) => bomb + inText(xml, random, "&h;"),
  (xml) => prolog + bomb + xml,
  (xml) => `<!doctype a SYSTEM "file:///etc/passwd">${xml}`,
  (xml) => `<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:1/">%b;]>${xml}`,
  (xml, random) => inText(xml, random, "<a>".repeat(random.pick([10, 25, 1000, 10_000]))),
  (xml, random) => inText(xml, random, "<a>".repeat(5000) + "</a>".repeat(5000)),
  (xml, random) => inText(xml, random, `<a ${"b='c' ".repeat(2000)}/>`),
  (xml, random) => inText(xml, random, "x".repeat(random.pick([1000, 70_000, 3_000_000]))),
  (xml, random) => inText(xml, random, "&amp;".repeat(10_000)),
  (xml, random) => inText(xml, random, "<Object><Key>a</Key></Object>".repeat(1001)),
  (xml, random) => inText(xml, random, "<Part/>".repeat(10_001)),
  (xml) => xml.repeat(2),
  (xml) => prolog + prolog + xml,
  (xml) => ` ${prolog}${xml}`,
  (xml) =>
    xml.replace(/^<\w+/, (root) => `${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`),
  (xml) => xml.replace(/^<\w+/, (root) => `${root} xmlns="urn:other"`),
  (xml) => xml.replaceAll(/<(\/?)(\w)/g, "<$1s3:$2"),
  (xml) => xml.toUpperCase(),
  (xml, random) => xml.slice(0, random.below(xml.length + 1)),
  (xml, random) => xml.replace(/<(\w+)>/, `<$1>${random.pick(pieces)}`),
  (xml) => `\ufeff${xml}`,
  (xml) => Buffer.from(`\ufeff${xml}`, "utf16le"),
  (xml) => Buffer.from(xml, "utf16le"),
  (xml) => Buffer.from(xml, "utf16le").swap16(),
  (xml) => `<?xml version="1.0" encoding="UTF-16"?>${xml}`,
  (xml) => `<?xml version="9.9" encoding="none"?>${xml}`,
  (xml, random) => Buffer.from(inText(xml, random, "\xc0\xaf"), "latin1"),
  (xml, random) => Buffer.from(inText(xml, random, "\xed\xa0\x80"), "latin1"),
  () => "",
  () => " ",
  () => "{}",
  () => "<",
  () => "<>",
  () => "null",
  () => "\0".repeat(1000),
];

/** The document with one thing wrong, or odd. */
export function damageXml(xml: Buffer, random: SeededRandom): Buffer {
  return Buffer.from(random.pick(faults)(xml.toString(), random));
}

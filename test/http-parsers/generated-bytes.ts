import { SeededRandom } from "../../src/platform/seeded-random.ts";

/** The bytes that a client sends on one connection, and where they are cut into writes. */
export interface GeneratedBytes {
  /** The bytes as Latin-1. */
  readonly text: string;
  readonly cuts: readonly number[];
}

const methods = ["GET", "GET", "PUT", "PUT", "POST", "HEAD", "DELETE", "OPTIONS", "QUERY", "TRACE"];
const oddMethods = [
  "get",
  "BREW",
  "CONNECT",
  "PRI",
  "SOURCE",
  "M-SEARCH",
  "G",
  "",
  "GET\t",
  "P UT",
];
const targets = ["/", "/bucket/key", "/b/k%20k?x=1&y", "/b/k?versions", "/a+b/%C3%A9"];
const oddTargets = [
  ...'* a h: //x /a#b /a?b#c /\x80\xff /\t /\x7f /\0 /a"b<c>{d}|e\\^` /a;b=c,d'.split(" "),
  ..."http://h/a http://h http://h?x HTTPS://h:1/a ftp://h/a http:///a http:/a ://h h://[::1]/a".split(
    " ",
  ),
  ..."http://u@h/a http://h:x/a http://u:p@h/ mailto:x ?x #x .".split(" "),
  "",
];
const versions = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"];
const oddVersions = [
  "HTTP/0.9",
  "HTTP/2.0",
  "HTTP/1.2",
  "http/1.1",
  "HTTP/1.",
  "HTTP/11",
  "ICE/1.0",
  "",
];
const fields = [
  ..."x-amz-date: 20261128T120000Z|accept: */*|Range: bytes=0-9|X-Amz-Meta-A: b c|x:|x: |y:\t z \t".split(
    "|",
  ),
  ...'Connection: keep-alive|expect: 100-continue|content-type: text/plain; a="b"|x: \x80\xff|a!#$%&\'*+-.^_`|~1: t'.split(
    "|",
  ),
];
const oddFields = [
  ..."Connection: close|connection: upgrade|Upgrade: h2c|Connection: close, keep-alive|connection: ,close".split(
    "|",
  ),
  ..."x : y| x: y|x\ty: z|: x|x|x y: z|x: a\0b|x: a\x7fb|x: a\rb|x: a\nb|(x): y|x\x80: y|x: \x01".split(
    "|",
  ),
  ..."Host: other|host:|expect: tea|Expect:|x: y\r\n z|x: y\r\n\tz|x:\r\n y".split("|"),
];
const oddFramings = [
  ..."content-length: 3|Content-Length: 0|content-length: 03|content-length: +3|content-length: -1".split(
    "|",
  ),
  ..."content-length:|content-length: 3, 3|content-length: 3 3|content-length: 0x3|content-length: 3;".split(
    "|",
  ),
  ..."content-length: 99999999999999999999|content-length: 9007199254740993|content-length: 3\t".split(
    "|",
  ),
  ..."Transfer-Encoding: chunked|transfer-encoding: CHUNKED|transfer-encoding: gzip|transfer-encoding:".split(
    "|",
  ),
  ..."transfer-encoding: gzip, chunked|transfer-encoding: chunked, gzip|transfer-encoding: identity".split(
    "|",
  ),
  ..."transfer-encoding: chunked, chunked|transfer-encoding: xchunked|transfer-encoding: chunked;a".split(
    "|",
  ),
  ..."transfer-encoding: ,chunked|transfer-encoding: chunked\t|Transfer_Encoding: chunked".split(
    "|",
  ),
];
const sizeTails = [
  "",
  "",
  "",
  "",
  ";a=b",
  '; a="b;c"',
  ";",
  " ",
  "\t",
  ";a\tb",
  ";\x80",
  ";\0",
  "x",
];
const trailers = [
  "",
  "",
  "",
  "x-t: v\r\n",
  "X-A: 1\r\nb: 2\r\n",
  " x: y\r\n",
  "x : y\r\n",
  "content-length: 3\r\n",
  "x\r\n",
];
const spliced = [
  ...'\r\n|\n|\r|\0| |\t|:|,|;|0|1|\x7f|\x80|\xff|"|\r\n\r\n|\n\n|HTTP/1.1|: |GET / '.split("|"),
  ..."content-length: 3\r\n|transfer-encoding: chunked\r\n|0\r\n\r\n|\r\n |a: b\r\n".split("|"),
];

/** An odd one once in so many times. */
function mostly<T>(random: SeededRandom, usual: readonly T[], odd: readonly T[], oneIn: number): T {
  return random.pick(random.below(oneIn) === 0 ? odd : usual);
}

/** One connection's bytes: the same for the same seed. */
export function generateBytes(seed: number): GeneratedBytes {
  const random = new SeededRandom(seed);
  const requests = Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => request(random));
  let text = requests.join("");
  for (let left = random.pick([0, 0, 1, 1, 2, 4]); left > 0; left--) text = mutated(random, text);
  const cuts = Array.from({ length: random.pick([0, 0, 0, 1, 3]) }, () =>
    random.below(text.length + 1),
  );
  return { text, cuts: cuts.toSorted((a, b) => a - b) };
}

function request(random: SeededRandom): string {
  const method = mostly(random, methods, oddMethods, 20);
  const target = mostly(random, targets, oddTargets, 6);
  const version = mostly(random, versions, oddVersions, 20);
  const lines: string[] = random.below(40) === 0 ? [] : ["Host: h"];
  for (let left = random.below(4); left > 0; left--)
    lines.push(mostly(random, fields, oddFields, 8));
  let body = "";
  const kind = random.below(8);
  if (kind < 3) {
    body = "b".repeat(random.pick([0, 1, 5, 5, 300]));
    lines.push(`${random.pick(["content-length", "Content-Length"])}: ${body.length}`);
  } else if (kind < 6) {
    body = chunks(random);
    lines.push("Transfer-Encoding: chunked");
  }
  if (random.below(5) === 0)
    lines.splice(random.below(lines.length + 1), 0, random.pick(oddFramings));
  const blank = random.below(60) === 0 ? random.pick(["\t", "  ", ""]) : " ";
  const before = random.below(30) === 0 ? random.pick(["\r\n", "\r\n\r\n", "\n", "\r", " "]) : "";
  const head = `${before}${method}${blank}${target}${random.below(60) === 0 ? "  " : " "}${version}`;
  return `${head}\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n${body}`;
}

function chunks(random: SeededRandom): string {
  let text = "";
  for (let left = random.below(4); left > 0; left--) {
    const bytes = random.pick([1, 5, 10, 26]);
    const size =
      random.below(12) === 0 ? `0${bytes.toString(16).toUpperCase()}` : bytes.toString(16);
    text += `${size}${mostly(random, [""], sizeTails, 3)}\r\n${"c".repeat(bytes)}\r\n`;
  }
  return `${text}0${mostly(random, [""], sizeTails, 6)}\r\n${mostly(random, [""], trailers, 4)}\r\n`;
}

function mutated(random: SeededRandom, text: string): string {
  const at = random.below(text.length + 1);
  const length = 1 + random.below(random.pick([1, 4, 30]));
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at + length) + text.slice(at);
    case 2:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 3:
      return text.slice(0, at);
    case 4: {
      const ends = [...text.matchAll(/\r\n/g)].map(({ index }) => index);
      const end = ends.length === 0 ? 0 : random.pick(ends);
      return (
        text.slice(0, end) + random.pick(["\n", "\r", "\r\r\n", " \r\n"]) + text.slice(end + 2)
      );
    }
    default:
      return text.slice(0, at) + random.pick(spliced) + text.slice(at);
  }
}

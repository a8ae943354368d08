import assert from "node:assert/strict";
import { test } from "node:test";
import { HeadParser } from "./head-parser.ts";

const limits = { headerBytes: 400, headers: 5 };
const parse = (text: string, start = 0): ReturnType<HeadParser["parse"]> =>
  new HeadParser(limits).parse(Buffer.from(text, "latin1"), start);

const whole =
  "\r\nPUT /b/k?x=%20 HTTP/1.1\r\nHost: h\r\nX-A:\t b c \t\r\nx-a:\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\n";

test("head parser: a head is what its bytes say, names in lower case, values without blanks around", () => {
  const parsed = parse(`before${whole}behind`, 6);
  assert.ok(typeof parsed === "object");
  const { head, ...rest } = parsed;
  assert.equal(head.method, "PUT");
  assert.equal(head.target, "/b/k?x=%20");
  assert.deepEqual(Object.fromEntries(head.headers), {
    host: "h",
    "x-a": "b c,",
    "content-length": "12",
    expect: "100-Continue",
  });
  assert.deepEqual(rest, {
    isVersion10: false,
    keepsAlive: true,
    expectsContinue: true,
    bodyBytes: 12,
    end: 6 + whole.length,
  });
});

test("head parser: the beginning of a head is distinguished from bytes that can't become one", () => {
  for (let length = 0; length < whole.length; length++) {
    assert.equal(parse(whole.slice(0, length)), "partial", whole.slice(0, length));
    const broken = parse(`${whole.slice(0, length)}\0`);
    assert.equal(broken, "malformed", JSON.stringify(whole.slice(0, length)));
  }
});

test("head parser: a whole URL as the target means its path and query, and has a host", () => {
  const targetOf = (url: string): string | undefined => {
    const parsed = parse(`GET ${url} HTTP/1.1\r\nhost: h\r\n\r\n`);
    return typeof parsed === "object" ? parsed.head.target : undefined;
  };
  assert.equal(targetOf("http://h/a?b"), "/a?b");
  assert.equal(targetOf("HTTPS://u@[::1]:80"), "/");
  assert.equal(targetOf("http://h?b"), "/?b");
  for (const url of ['http://h"/a', "http://h:{1}/a", "http://h#a", "http:///a", "http://h\\/a"]) {
    assert.equal(targetOf(url), undefined, url);
  }
});

test("head parser: a connection is kept as version and Connection say", () => {
  const cases: readonly [head: string, keepsAlive: boolean][] = [
    ["GET / HTTP/1.1\r\nhost: h\r\n\r\n", true],
    ["GET / HTTP/1.1\r\nhost: h\r\nconnection: Close\r\n\r\n", false],
    ["GET / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive, close\r\n\r\n", false],
    ["GET / HTTP/1.1\r\nhost: h\r\nconnection: closed\r\n\r\n", true],
    ["GET / HTTP/1.0\r\n\r\n", false],
    ["GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n", true],
  ];
  for (const [head, keepsAlive] of cases) {
    const parsed = parse(head);
    assert.equal(typeof parsed === "object" && parsed.keepsAlive, keepsAlive, head);
  }
});

test("head parser: a head that is too long or has too many headers is refused before more of it comes", () => {
  const line = "GET / HTTP/1.1\r\nhost: h\r\n";
  assert.equal(parse(`${line}x: ${"y".repeat(400)}`), "headersTooLarge");
  assert.equal(parse(`GET /${"y".repeat(400)}`), "headersTooLarge");
  assert.equal(parse(line + "a: b\r\n".repeat(4)), "partial");
  assert.equal(parse(line + "a: b\r\n".repeat(5)), "headersTooLarge");
  assert.equal(parse("G".repeat(17)), "malformed");
});

test("head parser: two lengths, a length and a coding, or another coding are refused", () => {
  const refused: Readonly<Record<string, string>> = {
    "content-length: 3\r\ncontent-length: 3": "malformed",
    "content-length: 3, 3": "malformed",
    "content-length: 1234567890123456": "malformed",
    "content-length:": "malformed",
    "content-length: 3\r\ntransfer-encoding: chunked": "malformed",
    "transfer-encoding: gzip\r\ncontent-length: 3": "malformed",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked": "transferEncoding",
    "transfer-encoding: chunked, chunked": "transferEncoding",
    "transfer-encoding: identity": "transferEncoding",
    "transfer-encoding:": "transferEncoding",
  };
  for (const [lines, problem] of Object.entries(refused)) {
    assert.equal(parse(`PUT / HTTP/1.1\r\nhost: h\r\n${lines}\r\n\r\n`), problem, lines);
  }
});

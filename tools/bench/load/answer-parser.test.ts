import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerParser } from "./answer-parser.ts";

/**
 * Status, body and whether it was complete, with the answer coming in pieces of that many bytes.
 */
function read(answer: string, step: number, withoutBody = false) {
  const pieces: Buffer[] = [];
  const parser = new AnswerParser({
    withoutBody,
    sink: (piece) => pieces.push(Buffer.from(piece)),
  });
  const bytes = Buffer.from(answer);
  let surplus = "";
  for (let at = 0; at < bytes.length; at += step) {
    surplus += parser.push(bytes.subarray(at, at + step)).toString();
  }
  const { status, done, closes } = parser;
  return {
    status,
    done,
    closes,
    body: Buffer.concat(pieces).toString(),
    ended: parser.end(),
    surplus,
  };
}

const plain = { status: 200, done: true, closes: false, body: "", ended: true, surplus: "" };

test("answers: with a length, chunked, behind 100 Continue, without a body; in pieces of any size", () => {
  const cases: [answer: string, expected: Partial<typeof plain>, withoutBody?: boolean][] = [
    ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", { body: "hello" }],
    ["HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", {}],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, world!\r\n\r\n0\r\n\r\n",
      { body: "hello, world!\r\n" },
    ],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n", {}],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", { status: 204 }],
    ["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", {}, true],
    [
      "HTTP/1.1 503 x\r\nConnection: close\r\ncontent-length: 1\r\n\r\n!",
      { status: 503, closes: true, body: "!" },
    ],
    [
      "HTTP/1.0 200 OK\r\nServer: old\r\n\r\nall of it",
      { done: false, closes: true, body: "all of it" },
    ],
    [
      "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
      { done: false, body: "short", ended: false },
    ],
  ];
  for (const [answer, expected, withoutBody] of cases) {
    for (const step of [1, 2, 3, 7, 1000]) {
      assert.deepEqual(read(answer, step, withoutBody), { ...plain, ...expected }, answer);
    }
  }
});

test("answers: what is not HTTP, is an error; what follows an answer is handed back", () => {
  assert.throws(() => read("SSH-2.0-x\r\n\r\n", 100), /not HTTP/);
  for (const step of [1, 100]) {
    assert.equal(read("HTTP/1.1 204 x\r\n\r\nmore", step).surplus, "more");
    const sized = "HTTP/1.1 200 x\r\ncontent-length: 1\r\n\r\namore";
    assert.equal(read(sized, step).surplus, "more");
  }
  assert.throws(
    () => read("HTTP/1.1 200 x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 100),
    /chunk/,
  );
  assert.throws(() => read("x".repeat(70_000), 1000), /no end/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkedDecoder } from "./chunked-decoder.ts";

/**
 * What is decoded of pieces, and where the last piece goes on behind the body; undefined: it is not
 * well-formed.
 */
function decode(pieces: readonly string[]): { text: string; end: number } | undefined {
  let text = "";
  const decoder = new ChunkedDecoder(100, (bytes) => (text += bytes.toString("latin1")));
  let end = 0;
  for (const piece of pieces) {
    end = decoder.take(Buffer.from(piece, "latin1"), 0);
    if (end < 0) return undefined;
  }
  return decoder.isDone ? { text, end } : undefined;
}

const body = '5;a;b=c;d="e\\"; f"\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-T: v\r\ny:\r\n\r\n';

test("chunked decoder: decodes sizes, extensions and trailers, however they are cut", () => {
  const text = "hello0123456789";
  assert.deepEqual(decode([`${body}GET`]), { text, end: body.length });
  assert.deepEqual(decode(body.split("")), { text, end: 1 });
  for (let cut = 1; cut < body.length; cut++) {
    const pieces = [body.slice(0, cut), `${body.slice(cut)}GET`];
    assert.deepEqual(decode(pieces), { text, end: body.length - cut }, `cut at ${cut}`);
  }
});

const malformed = [
  "5 \r\nhello\r\n0\r\n\r\n",
  "\r\nhello\r\n0\r\n\r\n",
  "+5\r\nhello\r\n0\r\n\r\n",
  "0x5\r\nhello\r\n0\r\n\r\n",
  "5\nhello\r\n0\r\n\r\n",
  "5\r\nhello\n0\r\n\r\n",
  "5\r\nhello0\r\n\r\n",
  "5\r\nhello!\r\n0\r\n\r\n",
  "00000000000005\r\nhello\r\n0\r\n\r\n",
  "5; a\r\nhello\r\n0\r\n\r\n",
  "5;a=\r\nhello\r\n0\r\n\r\n",
  '5;a="b\r\nhello\r\n0\r\n\r\n',
  `5;${"a".repeat(101)}\r\nhello\r\n0\r\n\r\n`,
  `0\r\n${"a: b\r\n".repeat(20)}\r\n`,
  "0\r\na : b\r\n\r\n",
  "0\r\na: b\r\n c\r\n\r\n",
  "0\r\nContent-Length: 3\r\n\r\n",
  "0\r\ntransfer-encoding: chunked\r\n\r\n",
];

test("chunked decoder: refuses what is not to the letter, in one piece or in many", () => {
  for (const text of malformed) {
    assert.equal(decode([text]), undefined, text);
    assert.equal(decode(text.split("")), undefined, text);
  }
});

test("C6: chunked decoder: a line without an end is given up", () => {
  const decoder = new ChunkedDecoder(100, () => undefined);
  let taken = 0;
  const piece = Buffer.from(`5;${"a".repeat(10)}`);
  while (taken < 1000 && decoder.take(taken === 0 ? piece : piece.subarray(2), 0) > 0) taken += 10;
  assert.ok(taken < 200, `${taken} bytes were held`);
});

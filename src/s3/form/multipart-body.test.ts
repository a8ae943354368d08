import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeUtf8 } from "../../base/bytes.ts";
import { plainPieces } from "../../platform/piece-decoder.ts";
import { S3Error } from "../errors.ts";
import { MultipartBody, formBoundary } from "./multipart-body.ts";

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  yield encodeUtf8(text);
}

/** The first part's name and file name, or the refusal. */
async function headOf(...lines: readonly string[]) {
  const body = new MultipartBody(
    pieces(`--b\r\n${lines.join("\r\n")}\r\n\r\nx\r\n--b--`),
    plainPieces,
    "b",
  );
  try {
    const head = await body.next();
    return [head?.name, head?.filename];
  } catch (error) {
    assert.ok(error instanceof S3Error);
    return error.code;
  }
}

const malformed = "MalformedPOSTRequest";

test("boundary: in quotes or not, of at most 70 characters", () => {
  assert.equal(formBoundary("multipart/form-data; boundary=abc"), "abc");
  assert.equal(formBoundary('Multipart/Form-Data;charset=utf-8; BOUNDARY="a b:c"'), "a b:c");
  assert.equal(formBoundary(`multipart/form-data; boundary=${"b".repeat(70)}`)?.length, 70);
  for (const other of [
    undefined,
    "",
    "text/html; boundary=a",
    "multipart/form-data-x;boundary=a",
  ]) {
    assert.equal(formBoundary(other), undefined);
  }
  const wrong = [
    "",
    ";",
    "; boundary",
    "; boundary=",
    '; boundary="a',
    "; boundary=é",
    '; boundary="a "',
  ];
  for (const rest of [...wrong, `; boundary=${"b".repeat(71)}`]) {
    assert.throws(() => formBoundary(`multipart/form-data${rest}`), { code: malformed }, rest);
  }
});

test("part: its name and file name, however they are written", async () => {
  const type = "Content-Type: text/plain";
  assert.deepEqual(await headOf('content-disposition: FORM-DATA; name="a b"', type), [
    "a b",
    undefined,
  ]);
  assert.deepEqual(await headOf(type, "Content-Disposition:form-data;name=a;filename=b;"), [
    "a",
    "b",
  ]);
  const path = 'Content-Disposition: form-data; name="file"; filename="C:\\temp\\a \\"b\\".txt"';
  assert.deepEqual(await headOf(path), ["file", 'C:\\temp\\a "b".txt']);
  const extended = `Content-Disposition: form-data; name="a"; filename=""; filename*=UTF-8''b`;
  assert.deepEqual(await headOf(extended), ["a", ""]);
});

test("part: without a name, or with two, or of another kind, it is refused", async () => {
  const disposition = 'Content-Disposition: form-data; name="a"';
  assert.equal(await headOf("Content-Type: text/plain"), malformed);
  assert.equal(await headOf('Content-Disposition: file; name="file"'), malformed);
  assert.equal(await headOf('Content-Disposition: form-data; filename="a"'), malformed);
  assert.equal(await headOf(disposition, disposition), malformed);
  assert.equal(await headOf(`${disposition}; name="b"`), malformed);
  assert.equal(await headOf(`${disposition} b`), malformed);
  assert.equal(await headOf(disposition, "no colon"), malformed);
  assert.equal(await headOf(disposition, ": no name"), malformed);
});

test("part: its head has at most 4,096 bytes", async () => {
  const disposition = 'Content-Disposition: form-data; name="a"';
  assert.deepEqual(await headOf(disposition, `X: ${"x".repeat(4000)}`), ["a", undefined]);
  assert.equal(await headOf(disposition, `X: ${"x".repeat(4096)}`), malformed);
  assert.equal(await headOf(disposition, ...Array(100).fill(`X: ${"x".repeat(50)}`)), malformed);
});

test("body: what stands before the first boundary and padding behind one are passed over", async () => {
  const text =
    'preamble\r\n--b \t\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--rest';
  const body = new MultipartBody(pieces(text), plainPieces, "b");
  assert.equal((await body.next())?.name, "a");
  assert.equal(await body.next(), undefined);
  assert.deepEqual(await body.readEpilogue(), encodeUtf8("rest"));
  assert.equal(await body.readEpilogue(), undefined);
  const joined = new MultipartBody(pieces(text.replace("--b \t", "--bc")), plainPieces, "b");
  await assert.rejects(joined.next(), { code: malformed });
});

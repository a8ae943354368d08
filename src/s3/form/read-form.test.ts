import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import { plainPieces } from "../../platform/piece-decoder.ts";
import { type TestPart, encodeForm, formParts, testBoundary } from "../testing/forms.ts";
import { readForm } from "./read-form.ts";

/** The whole form as one piece, or cut where it is said. */
async function* bodyOf(parts: readonly TestPart[], ...rest: readonly string[]) {
  yield encodeForm(parts);
  for (const text of rest) yield encodeUtf8(text);
}

async function read(body: AsyncIterable<Uint8Array>) {
  const form = await readForm(body, plainPieces, testBoundary);
  return { ...form, text: decodeUtf8(concatBytes(await Array.fromAsync(form.file))) };
}

test("form: fields by name in lower case, with the name as sent, then the file", async () => {
  const form = await read(bodyOf(formParts({ kEy: "a", "X-Amz-Meta-Ü": "ü" }, "content")));
  assert.deepEqual(
    [...form.fields],
    [
      ["key", { name: "kEy", value: "a" }],
      ["x-amz-meta-ü", { name: "X-Amz-Meta-Ü", value: "ü" }],
    ],
  );
  assert.deepEqual([form.filename, form.text], ["file.txt", "content"]);
});

test("form: only a part called file is the file, and its name has no path", async () => {
  const named = { name: "key", filename: "key", bytes: encodeUtf8("k") };
  const file = { name: "FILE", filename: "/home/me\\a.txt", bytes: encodeUtf8("x") };
  const form = await read(bodyOf([named, file]));
  assert.equal(form.fields.get("key")?.value, "k");
  assert.equal(form.filename, "a.txt");
  const bare = await read(bodyOf([{ name: "file", bytes: encodeUtf8("x") }]));
  assert.equal(bare.filename, undefined);
});

test("form: without a file, or with two, it is refused in S3's words", async () => {
  const exactlyOne = {
    code: "InvalidArgument",
    message: "POST requires exactly one file upload per request.",
  };
  const field = { name: "key", bytes: encodeUtf8("k") };
  const file = { name: "file", filename: "a", bytes: encodeUtf8("x") };
  await assert.rejects(read(bodyOf([field])), exactlyOne);
  await assert.rejects(read(bodyOf([file, field, file])), exactlyOne);
});

test("form: a field that stands twice is refused, unless S3 ignores it anyway", async () => {
  const field = (name: string) => ({ name, bytes: encodeUtf8("k") });
  const file = field("file");
  await assert.rejects(read(bodyOf([field("key"), field("KEY"), file])), {
    code: "InvalidArgument",
  });
  await read(bodyOf([field("x-ignore-a"), field("x-ignore-a"), file]));
});

test("form: a value that is not UTF-8 is refused", async () => {
  const field = { name: "key", bytes: Uint8Array.of(0xff) };
  const malformed = { code: "MalformedPOSTRequest" };
  await assert.rejects(read(bodyOf([field, { name: "file", bytes: field.bytes }])), malformed);
});

test("form: at most 20 KiB stand before the file, whatever they are", async () => {
  const tooLong = {
    code: "MaxPostPreDataLengthExceeded",
    details: { MaxPostPreDataLengthBytes: 20_480 },
  };
  const overhead =
    encodeForm(formParts({ key: "" }, "")).length - `\r\n--${testBoundary}--\r\n`.length;
  const form = (length: number) =>
    bodyOf(formParts({ key: "k".repeat(length) }, "x".repeat(100_000)));
  assert.equal((await read(form(20_480 - overhead))).text.length, 100_000);
  await assert.rejects(read(form(20_481 - overhead)), tooLong);
  const many = Array.from({ length: 400 }, (_, i) => ({ name: `f${i}`, bytes: encodeUtf8("v") }));
  await assert.rejects(read(bodyOf([...many, { name: "file", bytes: encodeUtf8("x") }])), tooLong);
});

test("form: before the file no more is read than may stand there, though it never ends", async () => {
  for (const start of [
    `--${testBoundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n`,
    "preamble",
  ]) {
    let pulled = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield encodeUtf8(start);
      for (;;) {
        pulled += 1024;
        yield new Uint8Array(1024).fill(120);
      }
    }
    await assert.rejects(read(endless()), { code: "MaxPostPreDataLengthExceeded" });
    assert.ok(pulled <= 22 * 1024, String(pulled));
  }
});

test("form: what follows the file is ignored, up to 64 KiB of it", async () => {
  const submit = (length: number) => ({ name: "submit", bytes: new Uint8Array(length).fill(120) });
  const parts = formParts({ key: "k" }, "content");
  const form = await read(bodyOf([...parts, submit(65_000)]));
  assert.deepEqual([form.text, form.fields.size], ["content", 1]);
  const malformed = { code: "MalformedPOSTRequest" };
  await assert.rejects(read(bodyOf([...parts, submit(66_000)])), malformed);
  await assert.rejects(read(bodyOf(parts, "x".repeat(66_000))), malformed);
});

test("form: a file that breaks off ends in a refusal, not in a shorter file", async () => {
  const whole = encodeForm(formParts({ key: "k" }, "content"));
  async function* cut() {
    yield whole.subarray(0, whole.length - 6);
  }
  await assert.rejects(read(cut()), { code: "MalformedPOSTRequest" });
});

test("form: whoever stops reading it, or is refused, releases the body", async () => {
  const file = encodeForm(formParts({ key: "k" }, "content"));
  const noForm = encodeUtf8("x".repeat(30_000));
  for (const sent of [file, noForm]) {
    let closed = false;
    async function* body() {
      try {
        yield sent;
        yield sent;
      } finally {
        closed = true;
      }
    }
    const form = await readForm(body(), plainPieces, testBoundary).catch(() => undefined);
    if (form !== undefined) for await (const _ of form.file) break;
    assert.equal(closed, true);
  }
});

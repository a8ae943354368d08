import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError } from "../base/errors.ts";
import { escaped, matches, parseFilter, type RequestEntry } from "./request-entry.ts";

const entry: RequestEntry = {
  time: "2026-01-01T00:00:00.000Z",
  requestId: "1",
  process: "front-end-1",
  operation: "GetObject",
  method: "GET",
  bucket: "photos",
  key: escaped("2026/a\nb", 99),
  status: 404,
  code: "NoSuchKey",
  bytesIn: 0,
  bytesOut: 0,
  totalMs: 120,
  phasesMs: {},
  accessKey: "ALICE1",
};

const cases: [Record<string, string>, boolean][] = [
  [{}, true],
  [{ operation: "getobject" }, true],
  [{ operation: "GetObjectTagging" }, false],
  [{ bucket: "photos", prefix: "2026/" }, true],
  [{ prefix: "2026/a\nb" }, true],
  [{ prefix: "2026/ab" }, false],
  [{ bucket: "photo" }, false],
  [{ status: "404" }, true],
  [{ status: "4xx" }, true],
  [{ status: "5xx" }, false],
  [{ errors: "" }, true],
  [{ "slower-than": "100ms" }, true],
  [{ "slower-than": "1s" }, false],
  [{ "access-key": "ALICE1", errors: "" }, true],
  [{ "access-key": "BOB1" }, false],
];

test("request filter: a request passes if every condition holds", () => {
  for (const [given, expected] of cases) {
    const filter = parseFilter(new Map(Object.entries(given)));
    assert.equal(matches(filter, entry), expected, JSON.stringify(given));
  }
  const fine: RequestEntry = { ...entry, status: 200, code: undefined };
  assert.equal(matches({ errors: true }, fine), false);
  assert.equal(matches({ errors: true }, { ...fine, code: "InternalError" }), true);
});

test("request filter: an unknown name or an impossible value is refused", () => {
  const wrong = { status: "6xx", "slower-than": "100", prefix: "x".repeat(257) };
  for (const entry of Object.entries(wrong)) {
    assert.throws(
      () => parseFilter(new Map([entry])),
      (error) => isStoreError(error, "invalid"),
    );
  }
});

test("request entries: a client's text cannot end a line or reverse its direction", () => {
  assert.equal(
    escaped("a\r\n\u{202e}\u{1b}[31m\\b\u{2028}", 99),
    String.raw`a\u{d}\u{a}\u{202e}\u{1b}[31m\\b\u{2028}`,
  );
  assert.equal(escaped("käse 奶酪 🧀", 99), "käse 奶酪 🧀");
  assert.equal(escaped("x".repeat(100), 9), `${"x".repeat(9)}…`);
  assert.equal(escaped("\n".repeat(1000), 9).length, 10);
});

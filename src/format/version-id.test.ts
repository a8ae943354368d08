import assert from "node:assert/strict";
import { test } from "node:test";
import { type BlobId, idOfText } from "./ids.ts";
import { isVersion, parseVersionId, versionIdOf, versionIdText } from "./version-id.ts";

const blob = idOfText<BlobId>("0123456789abcdef0123456789abcdef"); // any 16 bytes
const row = { order: 1_800_000_000_000 * 1024, blob, nullVersion: false };

test("a version id is 32 characters that name the version", () => {
  const id = versionIdOf(row);
  assert.match(id, /^[A-Za-z0-9_-]{32}$/);
  const ref = parseVersionId(id);
  assert.deepEqual(ref, { kind: "id", order: row.order, blob });
  assert.ok(ref !== undefined && isVersion(row, ref));
  assert.equal(versionIdText(ref), id);
  assert.ok(!isVersion({ ...row, order: row.order + 1 }, ref));
  assert.ok(!isVersion({ ...row, blob: idOfText<BlobId>("f".repeat(32)) }, ref)); // another one
});

test("the null version is called null, and has no other id", () => {
  const nullRow = { ...row, nullVersion: true };
  assert.equal(versionIdOf(nullRow), "null");
  const ref = parseVersionId("null");
  assert.deepEqual(ref, { kind: "null" });
  assert.ok(ref !== undefined && isVersion(nullRow, ref) && !isVersion(row, ref));
  assert.ok(!isVersion(nullRow, { kind: "id", ...row }));
});

test("version id: text of another form is refused", () => {
  const id = versionIdOf(row);
  const wrong = [
    "",
    "Null",
    "nul",
    id.slice(1),
    `${id}A`,
    `+${id.slice(1)}`,
    "_".repeat(32),
    `${id}\n`,
  ];
  for (const text of wrong) assert.equal(parseVersionId(text), undefined, text);
});

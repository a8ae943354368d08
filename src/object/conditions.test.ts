import assert from "node:assert/strict";
import test from "node:test";
import type { ObjectRow } from "../format/object-row.ts";
import { noId } from "../format/ids.ts";
import type { ReadConditions, WriteCondition } from "./conditions.ts";
import { checkCopySource, checkRead, checkWrite } from "./conditions.ts";
import { attributes } from "./testing/bodies.ts";

const second = 1000;
const modifiedMs = 1_700_000_000_500;
const nowMs = modifiedMs + 3600 * second;
const etag = "00".repeat(16);

const row: ObjectRow = {
  kind: "object",
  order: 1,
  nullVersion: true,
  nullOrder: undefined,
  modifiedMs,
  size: 0,
  md5: new Uint8Array(16),
  partCount: 0,
  checksum: undefined,
  attributes,
  blob: noId, // no bytes
  upload: undefined,
  data: { kind: "empty" },
};

const before = modifiedMs - 10 * second;
/** What a client sends back: HTTP dates have no milliseconds. */
const same = Math.floor(modifiedMs / second) * second;
const later = modifiedMs + 10 * second;
const future = nowMs + second;
const hit = [etag];
const miss = ["other"];

test("read conditions: AWS's order, and what each answers", () => {
  const cases: [ReadConditions, string | undefined][] = [
    [{}, undefined],
    [{ ifMatch: hit }, undefined],
    [{ ifMatch: ["*"] }, undefined],
    [{ ifMatch: ["x", etag] }, undefined],
    [{ ifMatch: miss }, "preconditionFailed"],
    [{ ifMatch: miss, ifNoneMatch: hit }, "preconditionFailed"],
    [{ ifMatch: hit, ifUnmodifiedSinceMs: before }, undefined],
    [{ ifUnmodifiedSinceMs: before }, "preconditionFailed"],
    [{ ifUnmodifiedSinceMs: same }, undefined],
    [{ ifUnmodifiedSinceMs: before, ifNoneMatch: hit }, "preconditionFailed"],
    [{ ifNoneMatch: hit }, "notModified"],
    [{ ifNoneMatch: ["*"] }, "notModified"],
    [{ ifNoneMatch: miss }, undefined],
    [{ ifModifiedSinceMs: before }, undefined],
    [{ ifModifiedSinceMs: same }, "notModified"],
    [{ ifModifiedSinceMs: later }, "notModified"],
    [{ ifModifiedSinceMs: future }, undefined],
    [{ ifNoneMatch: miss, ifModifiedSinceMs: later }, undefined],
    [{ ifNoneMatch: hit, ifModifiedSinceMs: before }, "notModified"],
  ];
  for (const [conditions, expected] of cases) {
    const refusal = checkRead(conditions, row, nowMs);
    assert.equal(refusal?.refusal, expected, JSON.stringify(conditions));
    const ofCopy = checkCopySource(conditions, row, nowMs);
    const failed = expected === undefined ? undefined : "preconditionFailed";
    assert.equal(ofCopy?.refusal, failed, JSON.stringify(conditions));
  }
});

test("write conditions: If-None-Match and If-Match with and without an object", () => {
  const cases: [WriteCondition, ObjectRow | undefined, string | undefined][] = [
    [{ kind: "always" }, row, undefined],
    [{ kind: "always" }, undefined, undefined],
    [{ kind: "ifAbsent" }, undefined, undefined],
    [{ kind: "ifAbsent" }, row, "preconditionFailed If-None-Match"],
    [{ kind: "ifMatch", etag }, row, undefined],
    [{ kind: "ifMatch", etag: "*" }, row, undefined],
    [{ kind: "ifMatch", etag: "other" }, row, "preconditionFailed If-Match"],
    [{ kind: "ifMatch", etag }, undefined, "noSuchKey"],
    [{ kind: "ifMatch", etag: "*" }, undefined, "noSuchKey"],
  ];
  for (const [condition, current, expected] of cases) {
    const refusal = checkWrite(condition, current);
    const { refusal: code, details } = refusal ?? {};
    const text = code && [code, details?.["Condition"]].filter(Boolean).join(" ");
    assert.equal(text, expected, JSON.stringify(condition));
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import type { CommitRecord } from "../format/commit-record.ts";
import { encodeCommitRecord, firstLogPosition } from "../format/commit-record.ts";
import type { ChainedRecord } from "./commit-chain.ts";
import { chainFrom } from "./commit-chain.ts";

const hash = createHash();

function after(
  before: { readonly sequence: number; readonly checksum: Uint8Array },
  made: Partial<CommitRecord> = {},
): ChainedRecord {
  const record = {
    sequence: before.sequence + 1,
    previous: before.checksum,
    generation: 1,
    instantUs: 100,
    wallMs: 5,
    changes: [],
    ...made,
  };
  return { ...record, checksum: encodeCommitRecord(hash, record).position.checksum };
}

const first = after(firstLogPosition);
const second = after(first);
const third = after(second);

test("commit chain: records are put in order, copies count once, what lies before is left out", () => {
  const whole = chainFrom(firstLogPosition, [third, second, first, second, first]);
  assert.deepEqual(whole, { records: [first, second, third], gapBefore: undefined });
  assert.deepEqual(chainFrom(first, [third, second, first]).records, [second, third]);
  assert.deepEqual(chainFrom(third, [third, second, first]), { records: [], gapBefore: undefined });
});

test("commit chain: a record that is missing leaves a gap before the next", () => {
  assert.deepEqual(chainFrom(firstLogPosition, [first, third]), { records: [first], gapBefore: 3 });
  assert.equal(chainFrom(firstLogPosition, [second, third]).gapBefore, 2);
});

test("commit chain: of two records with one number the one with a successor counts", () => {
  const dead = after(first, { instantUs: 900, generation: 7 }); // later, but nobody followed it
  for (const found of [
    [first, dead, second, third],
    [third, second, dead, first],
  ]) {
    assert.deepEqual(chainFrom(firstLogPosition, found).records, [first, second, third]);
  }
});

test("commit chain: where none has a successor the later one counts", () => {
  const later = after(first, { instantUs: 101 });
  const ofNextStart = after(first, { generation: 2, instantUs: 1 });
  assert.deepEqual(chainFrom(first, [later, second]).records, [later]);
  assert.deepEqual(chainFrom(first, [second, later, ofNextStart]).records, [ofNextStart]);
});

test("commit chain: a position that is not of this log reaches nothing", () => {
  const foreign = after(firstLogPosition, { wallMs: 6 });
  assert.deepEqual(chainFrom(foreign, [first, second, third]), { records: [], gapBefore: 2 });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Codes, codeOf } from "./codes.ts";
import { carriedOut, encodedShards, subsets, without } from "./testing/shards.ts";

const rs = (data: number, parity: number) => codeOf({ code: "rs", data, parity });
const lrc = codeOf({ code: "lrc", data: 12, parity: 4 });

test("RS(10,4): all 1,001 losses of four shards decode, from ten", () => {
  const code = rs(10, 4);
  const shards = encodedShards(code, 5);
  let patterns = 0;
  for (const lost of subsets(14, 4)) {
    const plan = code.repairPlan(lost, without(code, lost));
    assert.ok(plan !== undefined, `${lost}`);
    assert.equal(plan.reads.length, 10);
    assert.deepEqual(
      carriedOut(plan, shards),
      lost.map((shard) => shards[shard]),
    );
    patterns++;
  }
  assert.equal(patterns, 1001);
});

test("C4: RS(10,4): of nine shards nothing decodes", () => {
  const code = rs(10, 4);
  assert.equal(code.repairPlan([0], [1, 2, 3, 4, 5, 6, 7, 8, 10]), undefined);
});

test("RS: the first parity is the sum of the data", () => {
  assert.deepEqual(rs(10, 4).encoding.coefficients[0], new Uint8Array(10).fill(1));
});

test("RS(1,m): each shard is the data", () => {
  for (const row of rs(1, 3).encoding.coefficients) assert.deepEqual(row, Uint8Array.of(1));
});

/**
 * What any code of this shape could decode: each group mends one loss by itself, the global
 * parities that are left mend one each of the rest (Gopalan et al., "Explicit maximally recoverable
 * codes with locality", 2014).
 */
function couldDecode(lost: readonly number[]): boolean {
  const unmended = lrc.localGroups.map((group) => {
    return Math.max(0, lost.filter((shard) => group.includes(shard)).length - 1);
  });
  const globals = lost.filter((shard) => shard >= 14).length;
  return unmended.reduce((sum, count) => sum + count, globals) <= 2;
}

test("LRC(12,2,2): all losses of up to three shards decode, 1,568 of the 1,820 of four, none of five", () => {
  const shards = encodedShards(lrc, 5);
  const decoded = [1, 2, 3, 4, 5].map((size) => {
    let count = 0;
    for (const lost of subsets(16, size)) {
      const plan = lrc.repairPlan(lost, without(lrc, lost));
      assert.equal(plan !== undefined, couldDecode(lost), `${lost}`);
      if (plan === undefined) continue;
      count++;
      const expected = lost.map((shard) => shards[shard]);
      assert.deepEqual(carriedOut(plan, shards), expected, `${lost}`);
    }
    return count;
  });
  assert.deepEqual(decoded, [16, 120, 560, 1568, 0]);
  assert.equal(Math.round((1568 / 1820) * 100), 86);
});

test("LRC(12,2,2): a lost shard is repaired from six others, a global parity from twelve", () => {
  const reads = Array.from({ length: 16 }, (_, lost) => {
    return lrc.repairPlan([lost], without(lrc, [lost]))!.reads.length;
  });
  assert.deepEqual(reads, [6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 12, 12]);
});

test("LRC(12,2,2): one loss in each group is repaired in the groups, whatever else is lost", () => {
  const plan = lrc.repairPlan([2, 13], without(lrc, [2, 13, 14, 15]))!;
  assert.deepEqual(
    plan.reads.toSorted((a, b) => a - b),
    [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  );
  const shards = encodedShards(lrc, 3);
  assert.deepEqual(carriedOut(plan, shards), [shards[2], shards[13]]);
});

test("LRC(12,2,2): what is left of a group decodes one of its shards where the whole is lost", () => {
  const lost = [0, 6, 7, 8, 13];
  assert.equal(lrc.repairPlan(lost, without(lrc, lost)), undefined);
  assert.equal(lrc.repairPlan([0], without(lrc, lost))?.reads.length, 6);
});

test("LRC(12,2,2): two losses in a group need twelve shards: no eleven do", () => {
  const lost = [0, 3];
  const readable = without(lrc, lost);
  assert.equal(lrc.repairPlan([0], readable)?.reads.length, 12);
  for (const few of subsets(14, 11)) {
    const some = few.map((i) => readable[i]!);
    assert.equal(lrc.repairPlan([0], some), undefined, `${some}`);
  }
});

test("C4: plans: the preferred shards are read, never a wanted one, none twice", () => {
  const code = rs(4, 2);
  assert.deepEqual(code.repairPlan([1], [5, 1, 5, 4, 3, 2, 0])?.reads, [5, 4, 3, 2]);
  assert.deepEqual(code.repairPlan([4], [0, 1, 2, 3, 4, 5])?.reads, [0, 1, 2, 3]);
});

test("plans: a shard that is none is a bug of the caller's", () => {
  assert.throws(() => lrc.repairPlan([16], [0]), /no shard 16/);
  assert.throws(() => lrc.repairPlan([0], [-1]), /no shard -1/);
});

test("codes: a scheme of an unknown code is refused", () => {
  const refused = [
    { code: "rs", data: 0, parity: 4 },
    { code: "rs", data: 4, parity: 0 },
    { code: "rs", data: 200, parity: 56 },
    { code: "lrc", data: 12, parity: 3 },
    { code: "lrc", data: 10, parity: 4 },
    { code: "fountain", data: 10, parity: 4 },
  ];
  for (const scheme of refused) {
    assert.throws(() => codeOf(scheme), { code: "unsupported_format" });
  }
});

test("codes: a code and its plans are made once", () => {
  const codes = new Codes();
  const code = codes.of({ code: "rs", data: 10, parity: 4 });
  assert.equal(codes.of({ code: "rs", data: 10, parity: 4 }), code);
  assert.notEqual(codes.of({ code: "rs", data: 10, parity: 3 }), code);
  const readable = without(code, [3]);
  assert.equal(code.repairPlan([3], readable), code.repairPlan([3], readable));
});

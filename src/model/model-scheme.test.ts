import assert from "node:assert/strict";
import { test } from "node:test";
import { overheadOf, schemeTable } from "../placement/scheme-table.ts";
import { locallyRepairable } from "../erasure/local-code.ts";
import {
  membersOf,
  modelSchemeNamed,
  patternsOf,
  shippedSchemes,
  smallestLoss,
  spaceFactorOf,
} from "./model-scheme.ts";

const lrc = modelSchemeNamed("lrc-12-2-2");

test("model schemes: LRC(12,2,2) decodes all losses of three and 1,568 of the 1,820 of four", () => {
  for (const missing of [1, 2, 3]) {
    const { all, decodable } = patternsOf(lrc, missing);
    assert.equal(decodable, all);
  }
  assert.deepEqual(patternsOf(lrc, 4), { all: 1820, decodable: 1568 });
  assert.deepEqual(smallestLoss(lrc), { missing: 4, patterns: 252 });
});

test("model schemes: the rule of LRC(12,2,2) says of each loss of up to five what the code does", () => {
  const code = locallyRepairable();
  const shards = Array.from({ length: code.shards }, (_, shard) => shard);
  const classOf = (shard: number): number => {
    const group = code.localGroups.findIndex((members) => members.includes(shard));
    return group < 0 ? code.localGroups.length : group;
  };
  let checked = 0;
  for (let mask = 1; mask < 1 << code.shards; mask++) {
    const missing = shards.filter((shard) => (mask & (1 << shard)) !== 0);
    // Of those of five every 16th: a plan takes a tenth of a millisecond.
    if (missing.length > 5 || (missing.length === 5 && mask % 16 !== 1)) continue;
    const counts = lrc.classes.map(
      (_, index) => missing.filter((shard) => classOf(shard) === index).length,
    );
    const readable = shards.filter((shard) => !missing.includes(shard));
    const isDecodable = code.repairPlan(missing, readable) !== undefined;
    assert.equal(lrc.isDecodable(counts), isDecodable, missing.join());
    checked++;
  }
  assert.ok(checked > 2516);
});

test("model schemes: each shipped one is found by its name, others by their numbers", () => {
  for (const scheme of shippedSchemes) assert.equal(modelSchemeNamed(scheme.name), scheme);
  const wide = modelSchemeNamed("rs-17-3");
  assert.deepEqual([wide.label, membersOf(wide), spaceFactorOf(wide)], ["RS(17,3)", 20, 20 / 17]);
  assert.equal(modelSchemeNamed("copies-5").label, "5 copies");
});

test("model schemes: each that operators can choose is known by its name, with its space", () => {
  for (const { name, scheme } of schemeTable) {
    assert.equal(spaceFactorOf(modelSchemeNamed(name)), overheadOf(scheme), name);
  }
  const names = schemeTable.map(({ name }) => name);
  for (const { name } of shippedSchemes) assert.ok(names.includes(name), name);
});

test("model schemes: names that are none are refused, with what may have been meant", () => {
  for (const name of ["", "rs-10", "rs-0-4", "rs-10-0", "copies-0", "copies-2-1", "rs-90-10"]) {
    assert.throws(() => modelSchemeNamed(name), { code: "invalid" }, name);
  }
  assert.throws(
    () => modelSchemeNamed("rs10-4"),
    /"rs10-4" is not a scheme \(did you mean rs-10-4\?\)/,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createLossCheck } from "./losses.ts";

test("losses: RS(4,2) may lose any two shards, LRC(12,2,2) four of which two are in each group", () => {
  const canLose = createLossCheck();
  const rs = { code: "rs", data: 4, parity: 2 };
  const lrc = { code: "lrc", data: 12, parity: 4 };
  // Twice: found out, and remembered.
  for (let i = 0; i < 2; i++) {
    assert.equal(canLose(rs, []), true);
    assert.equal(canLose(rs, [1, 5]), true);
    assert.equal(canLose(rs, [0, 1, 2]), false);
    assert.equal(canLose(lrc, [0, 1, 6, 7]), true);
    assert.equal(canLose(lrc, [0, 1, 2, 3]), false);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentMap } from "./recent-map.ts";

test("recent map: past its limit the first one in is evicted, and no other", () => {
  const map = new RecentMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  map.set("a", 3);
  assert.deepEqual([map.get("a"), map.get("b")], [3, 2]);
  map.set("c", 4);
  assert.deepEqual([map.get("a"), map.get("b"), map.get("c")], [undefined, 2, 4]);
  map.delete("b");
  map.set("d", 5);
  assert.deepEqual([map.get("c"), map.get("d")], [4, 5]);
});

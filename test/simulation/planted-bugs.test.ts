import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { plantedBugs as plantedInServers } from "../acceptance/history/planted-bugs.ts";
import { plantedSource, root } from "./plant.ts";
import { plantedBugs } from "./planted-bugs.ts";

test("planted bugs: each still has its one place in the code, and changes it", () => {
  assert.ok(plantedBugs.length >= 10);
  for (const bug of [...plantedBugs, ...plantedInServers]) {
    const source = readFileSync(join(root, bug.file), "utf8");
    assert.notEqual(plantedSource(bug, source), source, bug.name);
  }
});

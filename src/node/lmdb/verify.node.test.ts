import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { must } from "../../base/assert.ts";
import { ChangeMaker, allRows, bytesOf } from "../../engine/suite/rows.suite.ts";
import { createHash } from "../platform/hash.ts";
import { verifyLmdb } from "./lmdb-engine.ts";
import {
  fillIndex,
  flipBit,
  keyOf,
  offsetOf,
  openTestIndex,
  type UsedPage,
  usedPages,
} from "../testing/test-index.ts";
import { dataFileOf, openEnvironment } from "./environment.ts";
import { verifyDatabase } from "./verify.ts";
import { readRow } from "../../engine/engine.ts";

const hash = createHash();
const changes = new ChangeMaker();
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-verify-"));
});
after(() => rmSync(folder, { recursive: true }));

async function makeIndex(name: string, rows: number): Promise<string> {
  const path = join(folder, name);
  await fillIndex(path, rows);
  return path;
}

test("C8: a flipped bit of a row is found, with the key of the row, and so is one of a branch", async () => {
  const path = await makeIndex("one-bit", 3000);
  assert.deepEqual((await verifyLmdb({ path, hash })).problems, []);
  const pages = usedPages(path);
  const leaf = must(
    pages.find((page) => offsetOf(page, keyOf(1501)) > 0),
    "no leaf",
  );
  const inRow = offsetOf(leaf, keyOf(1501)) + keyOf(1501).length + 20;
  flipBit(path, inRow, 3);
  const ofRow = await verifyLmdb({ path, hash });
  assert.deepEqual(
    ofRow.problems.map(({ kind }) => kind),
    ["row"],
  );
  assert.deepEqual(ofRow.problems[0]?.key, bytesOf(keyOf(1501)));
  flipBit(path, inRow, 3);

  const isWide = ({ kind, parsed }: UsedPage): boolean =>
    kind === "branch" && parsed.nodes.length > 8;
  const branch = must(pages.find(isWide), "no branch");
  const separator = must(branch.parsed.nodes[5], "a branch of many pages").key;
  const at = offsetOf(branch, Buffer.from(separator).toString("latin1")) + 6;
  flipBit(path, at, 2);
  const ofBranch = await verifyLmdb({ path, hash });
  assert.ok(ofBranch.problemCount > 0);
  assert.ok(ofBranch.problems.every(({ kind }) => kind === "structure"));
  flipBit(path, at, 2);
  assert.deepEqual((await verifyLmdb({ path, hash })).problems, []);
});

test("C8: whatever bit of a used page flips, it is found, or every row is read as before", async () => {
  const path = await makeIndex("any-bit", 1200);
  const pages = usedPages(path);
  const branches = pages.filter(({ kind }) => kind === "branch");
  const engine = await openTestIndex(path);
  const expected = await allRows(engine);
  await engine.close();
  const page = fc.oneof(fc.constantFrom(...pages), fc.constantFrom(...branches));
  const property = fc.asyncProperty(page, fc.nat(4095), fc.nat(7), async (used, at, bit) => {
    flipBit(path, used.offset + at, bit);
    try {
      if ((await verifyLmdb({ path, hash })).problemCount > 0) return;
      const damaged = await openTestIndex(path);
      try {
        assert.deepEqual(await allRows(damaged), expected);
        for (const row of expected) assert.deepEqual(await readRow(damaged, row.key), row);
      } finally {
        await damaged.close();
      }
    } finally {
      flipBit(path, used.offset + at, bit);
    }
  });
  await fc.assert(property, { numRuns: 40 });
});

test("C8: a pointer to any other page is found, an old copy of a page too", async () => {
  const path = await makeIndex("pointer", 1200);
  const data = readFileSync(dataFileOf(path));
  const branch = must(
    usedPages(path).find(({ kind }) => kind === "branch"),
    "no branch",
  );
  const child = must(branch.parsed.nodes[3], "a branch of many pages").child;
  const pointer = Buffer.alloc(4);
  pointer.writeUInt32LE(child);
  const at =
    branch.offset +
    branch.bytes
      .subarray()
      .findIndex(
        (_, i) => i % 2 === 0 && Buffer.from(branch.bytes.subarray(i, i + 4)).equals(pointer),
      );
  const step = Math.ceil(data.length / 4096 / 40);
  for (let page = 0; page < data.length / 4096 + 1; page += step) {
    if (page === child) continue;
    const wrong = Buffer.from(data);
    wrong.writeUInt32LE(page, at);
    writeFileSync(dataFileOf(path), wrong);
    assert.ok((await verifyLmdb({ path, hash })).problemCount > 0, `page ${page}`);
  }
});

test("C8: verification reports no damage while rows come and go", async () => {
  const path = await makeIndex("busy", 600);
  const engine = await openTestIndex(path);
  const database = openEnvironment(path);
  let isDone = false;
  const verifying = (async () => {
    let rounds = 0;
    for (; !isDone || rounds === 0; rounds++) {
      const steps = verifyDatabase(database, path, hash, rounds % 2 === 0 ? 7 : 4096);
      let step = await steps.next();
      while (step.done !== true) step = await steps.next();
      assert.deepEqual(step.value.problems, []);
      assert.ok(step.value.rows > 0);
    }
  })();
  for (let round = 0; round < 40; round++) {
    const commits = Array.from({ length: 100 }, (_, i) => {
      const key = bytesOf(keyOf((i * 7919 + round * 31) % 2000));
      const value = new Uint8Array((i * round * 17) % (i % 9 === 0 ? 9000 : 300));
      return engine.commit(
        i % 4 === 0 ? changes.change({ deletes: [key] }) : changes.put({ key, value }),
      );
    });
    await Promise.all(commits);
  }
  isDone = true;
  await verifying;
  await database.close();
  await engine.close();
});

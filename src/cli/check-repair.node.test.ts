import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { indexDamageFile } from "../format/data-directory.ts";
import { flipBit, offsetOf, usedPages } from "../node/testing/test-index.ts";
import { assertHeld, makeBucket, putKeys } from "../node/testing/bucket-content.ts";
import { connectionTo, Scratch, ServedStore, started } from "../node/testing/served-store.ts";
import { programEnvironment } from "../node/testing/program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../bin/holdfast.js");
const keys = Array.from({ length: 300 }, (_, i) => `key-${String(i).padStart(4, "0")}`);
const dataFile = (directory: string): string => `${directory}/index/data.mdb`;

async function storeWith(directory: string): Promise<void> {
  await using server = new ServedStore([directory]);
  const s3 = connectionTo(await started(server));
  await makeBucket(s3);
  await putKeys(s3, keys);
  assert.equal(await server.stop(), 0, server.output);
}

function check(directory: string, ...flags: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [launcher, "check", "--data", directory, ...flags],
    { encoding: "utf8", env: programEnvironment() },
  );
  return { status, stdout, stderr };
}

test("C9: check --repair brings back every key that a damaged branch hid, and keeps the damaged index", async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  const index = `${directory}/index`;
  await storeWith(directory);
  const branches = usedPages(index).filter(({ kind }) => kind === "branch");
  const branch = must(
    branches.find((page) => offsetOf(page, "key-0") > 0),
    "no branch",
  );
  flipBit(index, offsetOf(branch, "key-0") + 5, 1);
  const damaged = readFileSync(dataFile(directory));
  const found = check(directory);
  assert.equal(found.status, 1);
  assert.match(found.stdout, /index is damaged, 1 problems:\n.*may be missing/);
  assert.ok(readFileSync(dataFile(directory)).equals(damaged), "a check changes nothing");
  assert.ok(existsSync(`${directory}/${indexDamageFile}`), "the next start reclaims nothing");

  const repaired = check(directory, "--repair", "--json");
  assert.equal(repaired.status, 0, repaired.stdout + repaired.stderr);
  const report = JSON.parse(repaired.stdout);
  assert.equal(report.isClean, true);
  assert.equal(report.counts.objects, keys.length);
  assert.equal(report.repair.outcome, "repaired");
  assert.deepEqual([report.repair.lostCount, report.repair.missingCount], [0, 0]);
  assert.ok(readFileSync(report.repair.keptFile).equals(damaged));
  assert.ok(!existsSync(`${directory}/${indexDamageFile}`), "found good");

  assert.match(check(directory, "--repair").stdout, /index is not damaged: \d+ rows verified/);
  await using server = new ServedStore([directory]);
  const s3 = connectionTo(await started(server));
  await assertHeld(s3, keys);
  await putKeys(s3, ["one-more"]);
  assert.equal(await server.stop(), 0, server.output);
});

test("C9: check --repair gives up a damaged row only where a person agreed to lose what it names", async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  const index = `${directory}/index`;
  await storeWith(directory);
  const bad = must(keys[150], "a key");
  const leaf = must(
    usedPages(index).find((page) => offsetOf(page, bad) > 0),
    "no leaf",
  );
  flipBit(index, offsetOf(leaf, bad) + bad.length + 30, 4);

  assert.match(check(directory).stdout, /corrupt: a row of partition 1: row .*checksum mismatch/);
  const damaged = readFileSync(dataFile(directory));
  const refused = check(directory, "--repair");
  assert.equal(refused.status, 1);
  assert.match(refused.stdout, new RegExp(`would be lost:\n  object bucket/${bad}: `));
  assert.ok(readFileSync(dataFile(directory)).equals(damaged), "nothing was changed");
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.includes("repaired")),
    [],
  );

  const agreed = check(directory, "--repair", "--accept-loss");
  assert.equal(agreed.status, 0, agreed.stdout + agreed.stderr);
  await using server = new ServedStore([directory]);
  const s3 = connectionTo(await started(server));
  await assertHeld(
    s3,
    keys.filter((key) => key !== bad),
  );
  assert.equal((await s3.send("GET", `/bucket/${bad}`)).status, 404);
  await putKeys(s3, [bad]);
  assert.equal(await server.stop(), 0, server.output);
});

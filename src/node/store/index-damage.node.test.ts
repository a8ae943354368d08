import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { indexDamageFile } from "../../format/data-directory.ts";
import { flipBit, offsetOf, usedPages } from "../testing/test-index.ts";
import { assertHeld, makeBucket, putKeys } from "../testing/bucket-content.ts";
import {
  connectionTo,
  type ReadyEvent,
  Scratch,
  ServedStore,
  started,
  until,
} from "../testing/served-store.ts";

// One bit of the index flips while the server is down, as on a disk that returns wrong bytes
// without an error.

const keys = Array.from({ length: 300 }, (_, i) => `key-${String(i).padStart(4, "0")}`);

async function storeWith(directory: string): Promise<void> {
  await using server = new ServedStore([directory]);
  const s3 = connectionTo(await started(server));
  await makeBucket(s3);
  await putKeys(s3, keys);
  assert.equal(await server.stop(), 0, server.output);
}

/** The place of a byte behind the key of an object's head, in its row. */
function placeInRow(index: string, key: string): number {
  const leaf = usedPages(index).find((page) => offsetOf(page, key) > 0);
  return offsetOf(must(leaf, "no leaf with the key"), key) + key.length + 30;
}

async function metric(ready: ReadyEvent, name: string): Promise<number> {
  const text = await (await fetch(`${ready.endpoint}/-/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

const often = ["--verify-index-every", "1s"];

test("C8, C9: a damaged row is an error by itself; listings pass it and nothing is reclaimed, until the index is found good", async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  await storeWith(directory);
  const bad = must(keys[150], "a key");
  const place = placeInRow(`${directory}/index`, bad);
  flipBit(`${directory}/index`, place, 4);
  {
    await using server = new ServedStore([directory], ["--verify-index-every", "24h"]);
    const ready = await started(server);
    const s3 = connectionTo(ready);
    for (const query of ["list-type=2", "", "versions"]) {
      const page = await s3.send("GET", `/bucket?${query}`);
      assert.equal(page.status, 200, query);
      const text = page.body.toString();
      assert.deepEqual(
        text.match(/key-\d{4}/g),
        keys.filter((key) => key !== bad),
        query,
      );
    }
    assert.equal((await s3.send("GET", `/bucket/${bad}`)).status, 500);
    const put = await s3.send("PUT", `/bucket/${bad}`, { body: "new" });
    assert.equal(put.status, 500, "what the row refers to is not known, so it is not replaced");
    await until("the mark", () => existsSync(`${directory}/${indexDamageFile}`));
    assert.equal(await metric(ready, "holdfast_index_rows_skipped_total"), 3);
    const health = await fetch(`${ready.endpoint}/-/health/ready`);
    assert.match(await health.text(), /ready, but: .*index is damaged/);
    assert.match(server.output, /index_damaged/);
    // Somebody saw damage, so a verification follows at once.
    await until("it is verified", async () => (await metric(ready, "holdfast_index_problems")) > 0);
    assert.equal(await metric(ready, "holdfast_index_damaged"), 1);
    await until("reclaiming waits", async () => {
      const text = await (await fetch(`${ready.endpoint}/-/metrics`)).text();
      return /background_state\{.*task="reclaim",state="throttled"\} 1/.test(text);
    });
    assert.equal(await server.stop(), 0, server.output);
  }
  assert.ok(existsSync(`${directory}/${indexDamageFile}`), "a restart does not forget");
  flipBit(`${directory}/index`, place, 4);
  await using server = new ServedStore([directory], often);
  const s3 = connectionTo(await started(server));
  await until("it is found good", () => !existsSync(`${directory}/${indexDamageFile}`));
  await assertHeld(s3, keys);
  assert.equal(await server.stop(), 0, server.output);
});

test("C8: keys that a damaged branch hides are noticed by the verification in the background", async () => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  await storeWith(directory);
  const pages = usedPages(`${directory}/index`);
  const branch = must(
    pages.find((page) => page.kind === "branch" && offsetOf(page, "key-0") > 0),
    "no branch",
  );
  flipBit(`${directory}/index`, offsetOf(branch, "key-0") + 5, 1);
  await using server = new ServedStore([directory], often);
  const ready = await started(server);
  await until("it is noticed", async () => (await metric(ready, "holdfast_index_problems")) > 0);
  await until("the mark", () => existsSync(`${directory}/${indexDamageFile}`));
  assert.match(server.output, /may be missing.*index_problem/);
  assert.equal(await server.stop(), 0, server.output);
});

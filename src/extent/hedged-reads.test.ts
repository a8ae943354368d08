import assert from "node:assert/strict";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import { createExtentReader } from "./extent-reader.ts";
import { copyExtent } from "./testing/coded-extent.ts";
import { identityOf, payloadOf, TestStore, standardExtents } from "./testing/test-store.ts";

// What hedges do to the slowest reads, on a clock that only the test moves: `npm run bench --
// --only hedge` measures it on real files.

const hash = createHash();
const reads = 1500;

/**
 * A read a millisecond, of an extent whose disk 0 takes 50 ms instead of 1 for one read in twenty.
 * Returns how long 99 % took at most, and how many reads of disks there were.
 */
async function run(hedgeShare: number | undefined) {
  const store = await TestStore.create(hash, 3);
  const refs = [];
  for (let i = 0; i < 12; i++) {
    // Each in an extent of its own, so that the disks are asked alike.
    const only = { ...store.disks, disks: [store.disks.disks[0]!] };
    const ref = await store
      .writer({ disks: only })
      .append(standardExtents, identityOf(i), payloadOf(5000, i));
    refs.push(ref);
    await copyExtent(store, ref.extent, 3);
  }
  let asked = 0;
  let ofFirst = 0;
  for (const [i, disk] of store.memoryDisks.entries()) {
    disk.before = (operation) => {
      if (operation !== "read") return undefined;
      asked++;
      return store.clock.sleep(i === 0 && ++ofFirst % 20 === 0 ? 50 : 1);
    };
  }
  const { platform, disks, table, clock } = store;
  const reader = createExtentReader({ platform, disks, table, hedgeShare });
  const took: number[] = [];
  const underWay = [];
  for (let i = 0; i < reads; i++) {
    const beganMs = clock.monotonicMs();
    const index = i % refs.length;
    const bytes = Promise.resolve(reader.read(refs[index]!, identityOf(index), 0, 5000));
    underWay.push(bytes.then(() => void took.push(clock.monotonicMs() - beganMs)));
    await clock.advance(1);
  }
  await clock.advance(200);
  await Promise.all(underWay);
  const { hedgesSent } = reader.statistics();
  await reader.close();
  took.sort((a, b) => a - b);
  return { p99: took[Math.floor(reads * 0.99)]!, asked, hedgesSent };
}

test("hedging: of three copies, one late for 5 % of its reads: p99 falls 2.5 times for 2 % more reads", async () => {
  const without = await run(0);
  const hedged = await run(undefined);
  assert.equal(without.hedgesSent, 0);
  assert.equal(without.p99, 50);
  assert.ok(hedged.p99 <= without.p99 / 2.5, `p99 is ${hedged.p99} ms`);
  assert.ok(hedged.asked <= without.asked * 1.02, `${hedged.asked} of ${without.asked}`);
});

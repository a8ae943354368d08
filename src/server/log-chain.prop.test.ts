import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { must } from "../base/assert.ts";
import { isStoreError } from "../base/errors.ts";
import { recordAfter } from "../engine/commit-log.ts";
import type { Engine } from "../engine/engine.ts";
import { allRows } from "../engine/suite/rows.suite.ts";
import type { LogWriter } from "../extent/log-writer.ts";
import { logWriterOf } from "../extent/testing/log-writer.ts";
import { settle } from "../extent/testing/manual-clock.ts";
import { firstLogPosition, type LogPosition } from "../format/commit-record.ts";
import type { DiskLabels } from "../format/disk-labels.ts";
import { createHash } from "../node/platform/hash.ts";
import { DiskError } from "../platform/disk.ts";
import { LogChain } from "./log-chain.ts";
import { LoggedStore } from "./testing/logged-store.ts";

const hash = createHash();

const rowsOf = async (engine: Pick<Engine, "read" | "scan">) =>
  (await allRows(engine)).map(({ key, value, stamp }) => [key, value, stamp]);

const zonesOf = (names: string): DiskLabels[] => Array.from(names, (zone) => ({ zone }));
const disksIn = (names: string, zone: string): number[] =>
  Array.from(names, (name, i) => (name === zone ? i : -1)).filter((i) => i >= 0);

/** Three zones of two disks, of which the first holds the index. */
const zones = "aabbcc";

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ key: fc.nat(12), value: fc.option(fc.nat(99), { nil: undefined }) }),
  },
  { weight: 2, arbitrary: fc.constant("snapshot" as const) },
  { weight: 1, arbitrary: fc.constant("process" as const) },
  { weight: 2, arbitrary: fc.constant("dies" as const) },
  { weight: 2, arbitrary: fc.record({ failing: fc.constantFrom("a", "b", "c") }) },
  { weight: 1, arbitrary: fc.record({ labels: fc.constantFrom(zones, "aabbbc", "abcabc", "") }) },
);

/** Disks of one zone fail all writes, and those of the others none. */
function breakZone({ store: { memoryDisks } }: LoggedStore, zone: string): void {
  for (const [i, disk] of memoryDisks.entries()) {
    disk.before = (operation) => {
      const isRead = operation === "read" || operation === "open" || operation === "list";
      if (zones[i] === zone && !isRead) throw new DiskError("io", "broken");
    };
  }
}

/** Takes one step; returns false once the log has needed other disks than at its beginning. */
async function take(
  logged: LoggedStore,
  one: typeof step extends fc.Arbitrary<infer T> ? T : never,
) {
  if (one === "snapshot") await logged.snapshot();
  else if (one === "process") logged.reopen();
  else if (one === "dies") {
    // Its record is in the log, and its commit does not happen.
    const before = logged.rows.clone();
    await logged.commit(99, 1);
    logged.reopen(before);
    await logged.commit(99, 2);
  } else if ("key" in one) await logged.commit(one.key, one.value);
  else if ("failing" in one) breakZone(logged, one.failing);
  else {
    await logged.label(zonesOf(one.labels));
    return one.labels === zones;
  }
  return true;
}

test("C1: an index made again without a zone and its own disk is the one that was; and never another", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.array(fc.nat(63), { minLength: 8, maxLength: 8 }),
      fc.constantFrom(2, 3, 7, undefined),
      async (steps, others, recordsAtOnce) => {
        const logged = await LoggedStore.create(hash, zones.length);
        await logged.label(zonesOf(zones));
        let isAsPlanned = true;
        for (const one of steps) isAsPlanned = (await take(logged, one)) && isAsPlanned;
        breakZone(logged, "none");
        const now = await rowsOf(logged.rows);
        for (const zone of ["a", "b", "c"]) {
          if (!isAsPlanned) break;
          const without = [0, ...disksIn(zones, zone)];
          const made = await logged.rebuilt(without, { recordsAtOnce });
          assert.deepEqual(await rowsOf(made), now, `without zone ${zone}`);
        }
        for (const bits of others) {
          const without = Array.from(zones, (_, i) => i).filter((i) => ((bits >> i) & 1) === 1);
          try {
            const made = await logged.rebuilt(without, { recordsAtOnce });
            assert.deepEqual(await rowsOf(made), now, `without disks ${without.join(", ")}`);
          } catch (error) {
            if (!isStoreError(error)) throw error;
            assert.match(error.message, /nothing was changed/);
          }
        }
      },
    ),
    { numRuns: 25 },
  );
});

test("C6: a log that is far longer than what is held in memory is read once, in order", async () => {
  const logged = await LoggedStore.create(hash, 3);
  const commits = 2000;
  const recordsAtOnce = 16;
  for (let i = 0; i < commits; i++) await logged.commit(i % 7, i);
  const { platform, disks, memoryDisks } = logged.store;
  let bytesOfLog = 0;
  for (const { files } of memoryDisks) {
    for (const [path, bytes] of files) if (path.startsWith("log/")) bytesOfLog += bytes.length;
  }
  let reads = 0;
  for (const disk of memoryDisks) {
    disk.before = (operation) => {
      if (operation === "read") reads++;
    };
  }
  const chain = await LogChain.open(platform, disks, recordsAtOnce);
  const files = reads;
  let position: LogPosition = firstLogPosition;
  for (let isEnd = false; !isEnd;) {
    const { certain, end } = await chain.next(position);
    isEnd = end !== undefined;
    const records = [...certain, ...(end?.last === undefined ? [] : [end.last])];
    assert.ok(records.length <= recordsAtOnce);
    for (const record of records) {
      assert.equal(record.sequence, position.sequence + 1);
      position = record;
    }
    assert.equal(end?.gapBefore, undefined);
  }
  assert.equal(position.sequence, commits + 1);
  assert.ok(bytesOfLog > 0 && reads - files < 4 * files, `${reads} reads of ${files} files`);
});

test("C6: making an index again ends where it is asked to", async () => {
  const logged = await LoggedStore.create(hash, 3);
  for (let i = 0; i < 50; i++) await logged.commit(i, i);
  const stop = new AbortController();
  const stages = new Set<string>();
  const rebuilt = logged.rebuilt([], {
    recordsAtOnce: 8,
    signal: stop.signal,
    onProgress: (stage, done, of) => {
      stages.add(stage);
      assert.ok(done <= of);
      if (done > 20) stop.abort();
    },
  });
  await assert.rejects(rebuilt, { code: "cancelled" });
  assert.ok(stages.has("commits of the log"));
});

test("C1: of two records with one number the one with a successor counts, wherever a part ends", async () => {
  const { store } = await LoggedStore.create(hash, 3);
  const writerOf = (generation: number): LogWriter =>
    logWriterOf(hash, store, {
      writer: generation.toString(16).padStart(16, "0"),
      generation,
      instantUs: () => generation,
    });
  const append = async (log: LogWriter, from: LogPosition): Promise<LogPosition> => {
    const { bytes, position } = recordAfter({ log, hash }, from, []);
    await log.append(position.sequence, bytes, undefined);
    await settle();
    return position;
  };
  const [early, late] = [writerOf(7), writerOf(8)];
  const first = await append(early, { sequence: 100, checksum: new Uint8Array(16) });
  const rivals = [await append(early, first), await append(late, first)];
  const last = await append(early, must(rivals[0], "the earlier of two"));
  for (const recordsAtOnce of [2, 3, 4]) {
    const chain = await LogChain.open(store.platform, store.disks, recordsAtOnce);
    let position: LogPosition = { sequence: 100, checksum: new Uint8Array(16) };
    for (let isEnd = false; !isEnd;) {
      const { certain, end } = await chain.next(position);
      isEnd = end !== undefined;
      position = end?.last ?? certain.at(-1) ?? position;
    }
    assert.deepEqual(position.checksum, last.checksum, `${recordsAtOnce} at once`);
  }
});

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { isStoreError } from "../base/errors.ts";
import { initialiseDataDirectory } from "../extent/data-directories.ts";
import { type ExtentDisks, extentPath } from "../extent/extent-files.ts";
import { createExtentReader } from "../extent/extent-reader.ts";
import { sealAbandoned } from "../extent/extent-seal.ts";
import { createExtentWriter } from "../extent/extent-writer.ts";
import { localDataDisk } from "../extent/local-members.ts";
import { verifyMember } from "../extent/member-verification.ts";
import { MemoryExtentTable } from "../extent/testing/memory-extent-table.ts";
import {
  identityOf,
  payloadOf,
  standardExtents,
  testStoreId,
} from "../extent/testing/test-store.ts";
import type { ChunkRef } from "../format/chunk-ref.ts";
import type { ShardScheme } from "../format/extent-row.ts";
import type { DiskId, SessionId } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import { createHash } from "../node/platform/hash.ts";
import type { Platform } from "../platform/platform.ts";
import { SeededRandom } from "../platform/seeded-random.ts";
import { WallClock } from "./clock.ts";
import { SimDisk } from "./disk.ts";
import { createSimPlatform } from "./platform.ts";
import { SimProcess } from "./process.ts";
import { Scheduler } from "./scheduler.ts";

// Large records that are coded while they are written, on disks that forget what was not synced and
// tear writes: the writer dies at some moment, or stands still; disks are lost, or away; whoever
// seals dies, or stands still, too. What was answered is read, and what is whole stays so, whatever
// those that stood still write when they go on.

const hash = createHash();
const codes = [
  [2, 1],
  [2, 2],
  [4, 2],
] as const;
/** How long all of it may take, in virtual time. */
const limitMs = 600_000;

interface Running {
  readonly process: SimProcess;
  readonly platform: Platform;
  readonly disks: ExtentDisks;
}

interface Acknowledged {
  readonly ref: ChunkRef;
  readonly chunk: number;
}

class InlineRun {
  readonly random: SeededRandom;
  readonly scheme: ShardScheme;
  readonly scheduler = new Scheduler(() => setImmediate());
  readonly disks: readonly SimDisk[];
  readonly table = new MemoryExtentTable();
  readonly acknowledged: Acknowledged[] = [];
  readonly #wall = new WallClock(this.scheduler, 1_800_000_000_000);
  readonly #standing: SimProcess[] = [];
  #ids: readonly DiskId[] = [];
  #processes = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const [data, parity] = this.random.pick(codes);
    this.scheme = { kind: "coded", code: "rs", data, parity };
    this.disks = Array.from({ length: data + parity }, (_, i) => {
      return new SimDisk({ name: `d${i}`, random: this.random.fork(), stallShare: 0 });
    });
  }

  begin(): Running {
    const name = `p#${++this.#processes}`;
    const process = new SimProcess(name, this.scheduler, this.random.fork());
    const world = { process, scheduler: this.scheduler, wall: this.#wall, hash };
    const platform = createSimPlatform({ ...world, random: this.random.fork(), log: () => {} });
    const disks = this.#ids.map((id, i) => localDataDisk(hash, id, this.disks[i]!.view(process)));
    return { process, platform, disks: { store: testStoreId, disks } };
  }

  async until<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => void (isOver = true);
    work.then(over, over);
    assert.ok(await this.scheduler.runUntil(() => isOver, limitMs), "it never ends");
    return work;
  }

  after(ms: number): Promise<void> {
    return new Promise((resolve) => void this.scheduler.after(ms, resolve));
  }

  async initialise(): Promise<void> {
    const { process, platform } = this.begin();
    const making = this.disks.map((disk, i) =>
      initialiseDataDirectory(
        disk.view(process),
        { store: testStoreId, holdsIndex: i === 0 },
        platform.random,
      ),
    );
    this.#ids = (await this.until(Promise.all(making))).map(({ disk }) => disk);
    process.kill();
  }

  /**
   * Appends come one after the other, some of them together, until the fault: at some moment, or
   * just when one was answered, and slower shards do not have it yet.
   */
  async write(): Promise<void> {
    const { process, platform, disks } = this.begin();
    const { scheme, random, table } = this;
    const plan = (): Promise<readonly DiskId[]> => Promise.resolve(this.#ids);
    const choices = { of: () => ({ copies: 3, inline: scheme }), plan };
    const session = 1 as SessionId; // made up
    const options = { platform, disks, table, session, choices, reserveBytes: 0 };
    const writer = createExtentWriter(options);
    const stopAt = random.chance(0.7) ? random.between(1, 3) : undefined;
    const isStopped = Promise.withResolvers<void>();
    for (let chunk = 0; chunk < random.between(2, 6); chunk++) {
      const payload = payloadOf(random.between(66_000, 300_000), chunk);
      this.scheduler.after(random.below(20), () => {
        writer.append(standardExtents, identityOf(chunk), payload).then(
          (ref) => {
            if (this.acknowledged.push({ ref, chunk }) === stopAt) isStopped.resolve();
          },
          () => undefined,
        );
      });
    }
    await this.until(Promise.race([this.after(random.between(2, 25)), isStopped.promise]));
    this.#stop(process);
  }

  /** Power is cut, the process dies, or it stands still and goes on after all was sealed. */
  #stop(process: SimProcess): void {
    const fault = this.random.pick(["power", "death", "pause", "pause"] as const);
    if (fault === "pause") {
      process.pause();
      this.#standing.push(process);
      return;
    }
    process.kill();
    if (fault === "death") return;
    for (const one of this.#standing.splice(0)) one.kill();
    for (const disk of this.disks) disk.crash();
  }

  /** Disks are lost, or away: as many as may be lost at once. */
  loseDisks(): void {
    const count = this.random.below(Math.ceil(this.scheme.parity / 2) + 1);
    for (let lost = 0; lost < count; lost++) {
      const disk = this.random.pick(this.disks);
      if (this.random.chance(0.5)) disk.outOfOrder = "vanished";
      else {
        for (const { id } of this.table.entries.values()) {
          if (disk.files().has(extentPath(id))) disk.takeAway(extentPath(id), undefined);
        }
      }
    }
  }

  /**
   * Seals what is open; the first process may not come to the end of it. Where too few shards are
   * there to decide, those that are away come back.
   */
  async seal(): Promise<void> {
    let session = 1;
    for (let isDone = false; !isDone;) {
      const sealer = this.begin();
      session++;
      const sealing = this.#sealAll(sealer, session as SessionId).then(
        () => void (isDone = true),
        (error: unknown) => {
          if (!isStoreError(error)) throw error;
        },
      );
      if (session === 2 && this.random.chance(0.5)) {
        await this.until(this.after(this.random.below(20)));
        this.#stop(sealer.process);
      } else await this.until(sealing);
      if (session > 2) this.#bringBack();
    }
  }

  #bringBack(): void {
    for (const disk of this.disks) disk.outOfOrder = undefined;
  }

  async #sealAll({ platform, disks }: Running, session: SessionId): Promise<void> {
    for (const entry of Array.from(this.table.entries.values())) {
      await sealAbandoned({ platform, disks, table: this.table, entry, session });
    }
  }

  /** Disks that were away are back, and who stood still goes on. */
  async goOn(): Promise<void> {
    this.#bringBack();
    for (const process of this.#standing) process.resume();
    await this.until(this.after(20_000));
    for (const process of this.#standing) process.kill();
  }

  async assertKept(): Promise<void> {
    const { platform, disks } = this.begin();
    const { table } = this;
    const reader = createExtentReader({ platform, disks, table, cacheBytes: 0 });
    for (const { ref, chunk } of this.acknowledged) {
      const found = await this.until(
        Promise.resolve(reader.read(ref, identityOf(chunk), 0, ref.length)),
      );
      assert.deepEqual(new Uint8Array(found), payloadOf(ref.length, chunk));
    }
    const { signal } = new AbortController();
    for (const entry of table.entries.values()) {
      if (entry.row.state === "open" || entry.row.length <= extentHeaderBytes) continue;
      for (const [member, { state }] of entry.row.members.entries()) {
        if (state !== "whole") continue;
        const verifying = verifyMember({ platform, disks }, entry, member, signal);
        const { error } = await this.until(verifying);
        assert.equal(error, undefined);
      }
    }
  }
}

async function runSeed(seed: number): Promise<number> {
  const run = new InlineRun(seed);
  await run.initialise();
  await run.write();
  run.loseDisks();
  await run.seal();
  await run.goOn();
  await run.assertKept();
  return run.acknowledged.length;
}

test("C1: inline: whatever fails and whoever stands still, what was answered is read", async () => {
  let acknowledged = 0;
  for (let seed = 1; seed <= 40; seed++) {
    try {
      acknowledged += await runSeed(seed);
    } catch (thrown) {
      throw new Error(`seed ${seed}`, { cause: thrown });
    }
  }
  assert.ok(acknowledged > 40, "most seeds answer some appends");
});

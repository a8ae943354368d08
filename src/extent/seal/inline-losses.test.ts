import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../../base/assert.ts";
import { codeOf } from "../../erasure/codes.ts";
import { subsets } from "../../erasure/testing/shards.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { ShardScheme } from "../../format/extent-row.ts";
import { filesOf } from "../../format/extent-row.ts";
import type { SessionId } from "../../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import { createHash } from "../../node/platform/hash.ts";
import { inlineScheme } from "../write-choices.ts";
import { quorumOfScheme } from "../append/open-new-extent.ts";
import { extentPath } from "../extent-files.ts";
import { sealAbandoned } from "../extent-seal.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { openExtentView, scanView } from "../extent-view.ts";
import { openMemberFile } from "../member-files.ts";
import { verifyMember } from "../member-verification.ts";
import { rebuildMember } from "../rebuild-member.ts";
import { LaneOnDisks } from "../testing/lane-on-disks.ts";
import { isPending, settle } from "../testing/manual-clock.ts";
import { payloadOf } from "../testing/test-store.ts";

// What an extent that is coded while it is written keeps, whatever its last append left on the
// shards, whichever disks are lost or away then, and whatever writes land after it was sealed.

const hash = createHash();
const { signal } = new AbortController();
/** Its gap is just as long as the appends here, of at most two stripes. */
const schemeOf = (data: number, parity: number): ShardScheme => ({
  ...inlineScheme({ kind: "coded", code: "rs", data, parity }),
  gapBlocks: 2,
});

/** What a shard has of the last append, at the moment when the writer stands still. */
const shardStates = ["durable", "torn", "absent"] as const;
type ShardState = (typeof shardStates)[number];

/** An extent whose writer stands still in its second append. */
class Abandoned {
  readonly lane: LaneOnDisks;
  readonly acknowledged: ChunkRef[] = [];
  readonly states: readonly ShardState[];
  /** Where the second append begins in each shard, and what it writes there. */
  readonly start: number;
  readonly writes: readonly Uint8Array[];
  #session = 0;

  private constructor(lane: LaneOnDisks, states: readonly ShardState[], start: number) {
    this.lane = lane;
    this.states = states;
    this.start = start;
    this.writes = states.map((_, shard) => this.file(shard).slice(start));
  }

  static async create(
    scheme: ShardScheme,
    states: readonly ShardState[],
    lengths: readonly number[] = [100, 150_000],
  ): Promise<Abandoned> {
    const lane = await LaneOnDisks.create(hash, states.length, scheme);
    const first = await lane.append(0);
    await settle();
    const start = must(lane.files()[0], "a shard").length;
    for (const [disk, state] of states.entries()) if (state !== "durable") lane.hold(disk, "sync");
    const appends = Promise.all(lengths.map((length, i) => lane.append(i + 1, payloadOf(length))));
    appends.catch(() => undefined);
    await settle();
    const abandoned = new Abandoned(lane, states, start);
    abandoned.acknowledged.push(first);
    const durable = states.filter((state) => state === "durable").length;
    const isAcknowledged = !(await isPending(appends));
    assert.equal(isAcknowledged, durable >= quorumOfScheme(scheme));
    if (isAcknowledged) abandoned.acknowledged.push(...(await appends));
    // The writer goes on waiting; others do not.
    for (const disk of lane.store.memoryDisks) disk.before = () => undefined;
    for (const [shard, state] of states.entries()) {
      const kept = { durable: Infinity, torn: blockBytes + 1000, absent: 0 }[state];
      abandoned.cut(shard, start + kept);
    }
    return abandoned;
  }

  get entry(): ExtentEntry {
    return must([...this.lane.store.table.entries.values()][0], "an extent");
  }

  get path(): string {
    return extentPath(this.entry.id);
  }

  file(shard: number): Uint8Array {
    return this.lane.store.memoryDisks[shard]!.bytesOf(this.path);
  }

  cut(shard: number, length: number): void {
    this.lane.store.memoryDisks[shard]!.files.set(this.path, this.file(shard).slice(0, length));
  }

  /** Its disk is there, its file never will be. */
  lose(shard: number): void {
    this.lane.store.memoryDisks[shard]!.files.delete(this.path);
  }

  /** Takes the disk away; returns what brings it back. */
  unmount(shard: number): () => void {
    const { files } = this.lane.store.memoryDisks[shard]!;
    const kept = [...files];
    files.clear();
    return () => kept.forEach(([path, bytes]) => files.set(path, bytes));
  }

  seal(): Promise<ExtentEntry> {
    const { platform, disks, table } = this.lane.store;
    const session = ++this.#session as SessionId; // made up
    return sealAbandoned({ platform, disks, table, entry: this.entry, session });
  }

  /** What the writer had handed to the disks lands, and what it begins before it sees the seal. */
  landLate(): void {
    for (const [shard, bytes] of this.writes.entries()) {
      const disk = this.lane.store.memoryDisks[shard]!;
      const file = disk.files.get(this.path);
      if (file === undefined || this.states[shard] === "durable") continue;
      const written = new Uint8Array(Math.max(file.length, this.start + bytes.length));
      written.set(file);
      written.set(bytes, this.start);
      disk.files.set(this.path, written);
    }
  }

  /** Makes the members anew that are not whole. */
  async repair(): Promise<void> {
    const { store } = this.lane;
    for (const [member, { state }] of this.entry.row.members.entries()) {
      if (state === "whole") continue;
      const { entry } = this;
      const openTarget = async () => {
        const opened = await openMemberFile(store, entry, filesOf(entry.row)[member]!);
        assert.ok(opened !== "doubtful");
        return opened;
      };
      const { platform, disks } = store;
      const options = { platform, disks, entry, member, code: codeOf, openTarget, signal };
      for await (const _ of rebuildMember(options));
      const members = entry.row.members.map((one, place) =>
        place === member ? { ...one, state: "whole" as const } : one,
      );
      await store.table.replace(entry, { ...entry.row, members });
    }
  }

  /** The whole data records that a walk meets. */
  async records(): Promise<number[]> {
    const { store } = this.lane;
    const { entry } = this;
    const view = await openExtentView(store, entry);
    const offsets: number[] = [];
    const range = { extent: entry.id, from: extentHeaderBytes, to: entry.row.length };
    for await (const seen of scanView(store.platform, view, range)) {
      if (seen.kind === "hole" || seen.payloadError !== undefined) continue;
      if (seen.header.kind === "data") offsets.push(seen.offset);
    }
    await view.close();
    return offsets;
  }

  async assertKept(refs: readonly ChunkRef[]): Promise<void> {
    const found = new Set(await this.records());
    for (const { offset } of refs) assert.ok(found.has(offset), `the record at ${offset}`);
  }

  /** Each member that the row calls whole is as its table says. */
  async assertProved(): Promise<void> {
    const { entry, lane } = this;
    for (const [member, { state }] of entry.row.members.entries()) {
      if (state !== "whole") continue;
      const { error } = await verifyMember(lane.store, entry, member, signal);
      assert.equal(error, undefined);
    }
  }
}

/** All of so many, each being one of these. */
function* allOf<T>(from: readonly T[], count: number): Generator<readonly T[]> {
  if (count === 0) yield [];
  else for (const rest of allOf(from, count - 1)) for (const one of from) yield [...rest, one];
}

/** All of up to so many shards of so many. */
const losses = (shards: number, max: number): readonly (readonly number[])[] =>
  Array.from({ length: max + 1 }, (_, count) => [...subsets(shards, count)]).flat();

interface Loss {
  readonly shards: readonly number[];
  readonly how: "gone" | "away";
}

async function assertSurvives(
  scheme: ShardScheme,
  states: readonly ShardState[],
  { shards, how }: Loss,
): Promise<void> {
  const extent = await Abandoned.create(scheme, states);
  const back = how === "away" ? shards.map((shard) => extent.unmount(shard)) : [];
  if (how === "gone") shards.forEach((shard) => extent.lose(shard));
  const isMany = shards.length > Math.ceil(scheme.parity / 2);
  let isBack = false;
  try {
    await extent.seal();
  } catch (thrown) {
    if (how !== "away" || !isMany) throw thrown;
    assert.equal(extent.entry.row.state, "open");
    back.forEach((mount) => mount());
    isBack = true;
    await extent.seal();
  }
  const isHere = (shard: number): boolean => how === "away" || !shards.includes(shard);
  const holders = states.filter((state, shard) => state === "durable" && isHere(shard)).length;
  // More is lost than the scheme promises of what only a quorum has; what was before it is left.
  const isBeyond = isMany && holders < scheme.data;
  const kept = isBeyond ? extent.acknowledged.slice(0, 1) : extent.acknowledged;
  await extent.assertKept(kept);
  if (!isBack) back.forEach((mount) => mount());
  const landsFirst = states.indexOf("absent") % 2 === 0;
  if (landsFirst && !isBeyond) extent.landLate();
  await extent.assertProved();
  await extent.repair();
  if (!landsFirst && !isBeyond) extent.landLate();
  assert.ok(extent.entry.row.members.every(({ state }) => state === "whole"));
  await extent.assertProved();
  await extent.assertKept(kept);
}

for (const [data, parity, step] of [
  [2, 1, 1],
  [2, 2, 7],
  [4, 2, 397],
] as const) {
  const name = `RS(${data},${parity})`;
  test(`C1: inline: ${name}: whatever a shard has, is lost or away, what was answered is kept, and late writes do no harm`, async () => {
    const scheme = schemeOf(data, parity);
    const shards = data + parity;
    let index = 0;
    for (const states of allOf(shardStates, shards)) {
      for (const lost of losses(shards, parity)) {
        for (const how of ["gone", "away"] as const) {
          // The larger codes have too many: some are taken, evenly.
          if (index++ % step !== 0) continue;
          try {
            await assertSurvives(scheme, states, { shards: lost, how });
          } catch (thrown) {
            const what = `${states.join()}; ${how}: ${lost.join()}`;
            throw new Error(what, { cause: thrown });
          }
        }
      }
    }
  });
}

/** Has the disks hold back the first write behind the headers that each is asked for. */
function holdWrites(extent: Abandoned, from: number): () => void {
  const gate = Promise.withResolvers<void>();
  let isHeld = true;
  for (const disk of extent.lane.store.memoryDisks) {
    let writes = 0; // the first is that of the header, with the epoch
    disk.before = (operation) =>
      isHeld && operation === "write" && writes++ >= from ? gate.promise : undefined;
  }
  return () => {
    isHeld = false;
    gate.resolve();
  };
}

test("C1: inline: a process that stands still while it seals does no harm when it goes on", async () => {
  const scheme = schemeOf(2, 2);
  const states = ["durable", "torn", "absent", "durable"] as const;
  for (const away of [0, 1, 2, 3]) {
    for (const isBackBetween of [true, false]) {
      for (const from of [1, 2, 3]) {
        const extent = await Abandoned.create(scheme, states);
        let other = isBackBetween ? extent.unmount(away) : undefined;
        const goOn = holdWrites(extent, from);
        const first = extent.seal().catch(() => undefined);
        await settle();
        for (const disk of extent.lane.store.memoryDisks) disk.before = () => undefined;
        if (isBackBetween) other?.();
        else other = extent.unmount(away);
        await extent.seal();
        if (!isBackBetween) other?.();
        goOn();
        await first;
        await extent.assertProved();
        await extent.repair();
        await extent.assertProved();
        await extent.assertKept(extent.acknowledged);
        assert.ok(extent.entry.row.members.every(({ state }) => state === "whole"));
      }
    }
  }
});

test("C1: inline: of two records in a stripe each is written as it was found", async () => {
  const states = Array.from({ length: 6 }, () => "durable" as const);
  // The first ends in shard 0, the second has its blocks in others.
  const extent = await Abandoned.create(schemeOf(4, 2), states, [20_000, 150_000]);
  extent.file(0).fill(7, extent.start, extent.start + blockBytes / 4);
  extent.file(2).fill(7, extent.start, extent.start + blockBytes);
  await extent.seal();
  await extent.assertKept(extent.acknowledged);
  await extent.assertProved();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codeOf } from "../../erasure/codes.ts";
import { subsets } from "../../erasure/testing/shards.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import {
  encodeRecordHeader,
  paddingBytesMin,
  paddingIdentity,
  paddingPayloadBytes,
  recordBytes,
} from "../../format/record.ts";
import { shardGeometry } from "../../format/shard.ts";
import { createHash } from "../../node/platform/hash.ts";
import { isDiskError } from "../../platform/disk.ts";
import { extentPath } from "../extent-files.ts";
import { openExtentView, scanView } from "../extent-view.ts";
import { verifyMember } from "../member-verification.ts";
import { inlineScheme } from "../write-choices.ts";
import { LaneOnDisks } from "../testing/lane-on-disks.ts";
import { isPending, settle } from "../testing/manual-clock.ts";
import { payloadOf } from "../testing/test-store.ts";

const hash = createHash();
const { signal } = new AbortController();
/** Its gap is short, since the disks here are memory; batches have up to ten stripes. */
const scheme = {
  ...inlineScheme({ kind: "coded", code: "rs", data: 4, parity: 2 }),
  gapBlocks: 10,
};
const stripeBytes = scheme.data * blockBytes;
const sixDisks = (): Promise<LaneOnDisks> => LaneOnDisks.create(hash, 6, scheme);

/** Ends the open extent, and commits what its row says then. */
async function seal(lane: LaneOnDisks): Promise<void> {
  lane.lane.sealIfDue(Infinity);
  await settle();
  await lane.ledger.advance();
}

/** The whole data records that a walk of the first extent meets; it must meet no damage. */
async function recordsOf({ store }: LaneOnDisks): Promise<number[]> {
  const [entry] = store.table.entries.values();
  const view = await openExtentView(store, entry!);
  try {
    const offsets: number[] = [];
    const range = { extent: entry!.id, from: extentHeaderBytes, to: entry!.row.length };
    let at = extentHeaderBytes;
    for await (const seen of scanView(store.platform, view, range)) {
      assert.equal(seen.offset, at, "records follow each other");
      at = seen.end;
      assert.ok(seen.kind === "record" && seen.payloadError === undefined, "no damage");
      if (seen.header.kind !== "padding") offsets.push(seen.offset);
    }
    return offsets;
  } finally {
    await view.close();
  }
}

test("padding: fills any gap from the smallest on to the byte", () => {
  const gaps = fc.integer({ min: 0, max: 3 * blockBytes }).map((n) => paddingBytesMin + 8 * n);
  const place = { extent: 1, offset: 8192, session: 1 } as ChunkRef & { session: never };
  fc.assert(
    fc.property(gaps, (gap) => {
      const bytes = paddingPayloadBytes(gap);
      assert.equal(recordBytes(0, bytes), gap);
      const blockChecksums = Array.from({ length: Math.ceil(bytes / blockBytes) }, () => 0);
      encodeRecordHeader(hash, paddingIdentity, place, { bytes, blockChecksums });
    }),
  );
  for (const near of [1, 2, 3]) {
    for (let gap = near * blockBytes; gap < near * blockBytes + 300; gap += 8) {
      assert.equal(recordBytes(0, paddingPayloadBytes(gap)), gap);
    }
  }
});

test("C1: inline coding: five of six shards are waited for, and no fewer", async () => {
  const six = await sixDisks();
  await six.append(0);
  await settle();
  const goOn = [six.hold(4, "sync"), six.hold(1, "sync")];
  const appended = six.append(1);
  assert.ok(await isPending(appended));
  goOn[0]!();
  await appended;
  goOn[1]!();
  await settle();
  await seal(six);
  assert.deepEqual(six.states, [["whole", "whole", "whole", "whole", "whole", "whole"]]);
});

test("inline coding: what is appended at once takes whole stripes, and is let go of at once", async () => {
  const six = await sixDisks();
  const payload = payloadOf(1_000_000, 3);
  const refs = [await six.append(0, payload), await six.append(1)];
  assert.deepEqual(
    refs.map(({ offset }) => offset),
    [extentHeaderBytes, extentHeaderBytes + 4 * stripeBytes],
  );
  await settle();
  assert.deepEqual(six.released, [0, 1]);
  await seal(six);
  const [row] = six.rows;
  assert.equal(row?.length, extentHeaderBytes + 5 * stripeBytes);
  assert.deepEqual(
    await recordsOf(six),
    refs.map(({ offset }) => offset),
  );
  const { fileBytes } = shardGeometry(scheme, row.length);
  for (const file of six.files()) assert.equal(file.length, fileBytes);
});

test("C4: inline coding: sealed, each shard is proved by its table, and any two may be lost", async () => {
  const six = await sixDisks();
  const refs = await Promise.all([0, 1, 2].map((i) => six.append(i, payloadOf(300_000, i))));
  refs.push(await six.append(3), await six.append(4, payloadOf(1_000_000, 4)));
  await seal(six);
  const offsets = refs.map(({ offset }) => offset);
  const [entry] = six.store.table.entries.values();
  for (const member of [0, 1, 2, 3, 4, 5]) {
    assert.deepEqual(await verifyMember(six.store, entry!, member, signal), { error: undefined });
  }
  for (const lost of [...subsets(6, 1), ...subsets(6, 2)]) {
    const path = extentPath(entry!.id);
    const files = lost.map((member) => six.store.memoryDisks[member]!.bytesOf(path));
    for (const member of lost) six.store.memoryDisks[member]!.files.delete(path);
    assert.deepEqual(await recordsOf(six), offsets, `without ${lost.join()}`);
    for (const [i, member] of lost.entries()) {
      six.store.memoryDisks[member]!.replace(path, files[i]!);
    }
  }
});

test("C1: inline coding: a shard that fails is left behind, with the checksum of the table it should have", async () => {
  const six = await sixDisks();
  await six.append(0);
  await settle();
  six.fail(2, "sync");
  const second = await six.append(1);
  await settle();
  const lane = six.lane;
  lane.sealIfDue(0);
  await settle();
  await six.ledger.advance();
  assert.deepEqual(six.states[0], ["whole", "whole", "behind", "whole", "whole", "whole"]);
  assert.ok(six.rows[0]!.members.every(({ tableChecksum }) => tableChecksum !== 0));
  assert.ok((await recordsOf(six)).includes(second.offset));
});

test("C1: inline coding: a shard without its block table is behind", async () => {
  const six = await sixDisks();
  await six.append(0);
  await settle();
  six.fail(5, "write");
  await seal(six);
  assert.deepEqual(six.states[0], ["whole", "whole", "whole", "whole", "whole", "behind"]);
});

test("C1: inline coding: below its quorum nothing is answered, and the extent ends at what was", async () => {
  const six = await sixDisks();
  const first = await six.append(0);
  await settle();
  for (const disk of [0, 1]) six.fail(disk, "write");
  await assert.rejects(six.append(1), (error) => isDiskError(error, "io"));
  await settle();
  await six.ledger.advance();
  assert.equal(six.rows[0]?.length, extentHeaderBytes + stripeBytes);
  assert.deepEqual(six.states[0], ["behind", "behind", "whole", "whole", "whole", "whole"]);
  assert.deepEqual(await recordsOf(six), [first.offset]);
});

test("C1, C4: inline coding: the table of a slower shard stands at the end, not behind what no quorum has", async () => {
  const six = await sixDisks();
  const kept = [await six.append(0)];
  await settle();
  const goOn = six.hold(2, "write");
  kept.push(await six.append(1));
  for (const disk of [0, 1]) six.fail(disk, "write");
  await assert.rejects(six.append(2), (error) => isDiskError(error, "io"));
  await settle();
  goOn();
  await settle();
  await six.ledger.advance();
  assert.equal(six.rows[0]?.length, extentHeaderBytes + 2 * stripeBytes);
  assert.deepEqual(six.states[0], ["behind", "behind", "whole", "whole", "whole", "whole"]);
  const [entry] = six.store.table.entries.values();
  for (const member of [2, 3, 4, 5]) {
    assert.deepEqual(await verifyMember(six.store, entry!, member, signal), { error: undefined });
  }
  const { fileBytes } = shardGeometry(scheme, entry!.row.length);
  assert.equal(six.files()[2]!.length, fileBytes, "what no quorum has is not written any more");
  assert.deepEqual(
    await recordsOf(six),
    kept.map(({ offset }) => offset),
  );
});

test("C1: inline coding: an extent that too few shards hold whole is not sealed by its writer", async () => {
  const six = await sixDisks();
  await six.append(0);
  await settle();
  for (const disk of [0, 1, 2]) six.fail(disk, "write");
  await seal(six);
  assert.equal(six.rows[0]?.state, "open");
});

test("inline coding: whatever is appended, with any two shards lost, is what was appended", async () => {
  const lengths = fc.array(
    fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 3 }),
    {
      minLength: 1,
      maxLength: 4,
    },
  );
  const lost = fc.uniqueArray(fc.nat(5), { maxLength: codeOf(scheme).parity });
  await fc.assert(
    fc.asyncProperty(lengths, lost, async (batches, members) => {
      const six = await sixDisks();
      const refs: ChunkRef[] = [];
      for (const batch of batches) {
        const appends = batch.map((length, i) => six.append(i, payloadOf(length, i)));
        refs.push(...(await Promise.all(appends)));
      }
      await seal(six);
      const [entry] = six.store.table.entries.values();
      for (const member of members) {
        six.store.memoryDisks[member]!.files.delete(extentPath(entry!.id));
      }
      assert.deepEqual(
        await recordsOf(six),
        refs.map(({ offset }) => offset),
      );
    }),
    { numRuns: 25 },
  );
});

test("C1: inline coding: a batch that would not end within the gap is not written", async () => {
  const six = await LaneOnDisks.create(hash, 6, { ...scheme, gapBlocks: 1 });
  await six.append(0);
  await assert.rejects(six.append(1, payloadOf(300_000)), /longer than the gap/);
  await settle();
  for (const file of six.files()) assert.ok(file.length <= extentHeaderBytes + 3 * blockBytes);
});

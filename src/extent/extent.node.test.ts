import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { SessionId, StoreId } from "../format/ids.ts";
import { recordBytes } from "../format/record.ts";
import { openDisk } from "../node/disk/disk.ts";
import { createPlatform } from "../node/platform/platform.ts";
import type { Platform } from "../platform/platform.ts";
import { initialiseDataDirectory } from "./data-directories.ts";
import { dropExtent } from "./extent-drop.ts";
import type { DataDisk } from "./extent-files.ts";
import { localDataDisk } from "./local-members.ts";
import { createExtentReader } from "./extent-reader.ts";
import { sealAbandoned } from "./extent-seal.ts";
import { createExtentWriter } from "./extent-writer.ts";
import { MemoryExtentTable } from "./testing/memory-extent-table.ts";
import { identityOf, payloadOf, testStoreId, standardExtents } from "./testing/test-store.ts";

const platform: Platform = createPlatform({ log: () => {} });
const session = 1 as SessionId; // made up

interface RealStore {
  readonly root: string;
  readonly table: MemoryExtentTable;
  readonly options: {
    readonly platform: Platform;
    readonly disks: { readonly store: StoreId; readonly disks: readonly DataDisk[] };
    readonly table: MemoryExtentTable;
    readonly session: SessionId;
    readonly storageClass: string;
  };
}

async function withRealStore(work: (store: RealStore) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "holdfast-extents-"));
  try {
    const disk = openDisk(root);
    const identity = { store: testStoreId, holdsIndex: true };
    const { disk: id } = await initialiseDataDirectory(disk, identity, platform.random);
    const table = new MemoryExtentTable();
    const disks = { store: testStoreId, disks: [localDataDisk(platform.hash, id, disk)] };
    await work({ root, table, options: { platform, disks, table, session, storageClass: "S" } });
  } finally {
    rmSync(root, { recursive: true });
  }
}

test("extents on a real disk: written by 32 at once, sealed, read in ranges, dropped", async () => {
  await withRealStore(async ({ table, options }) => {
    const writer = createExtentWriter({ ...options, extentBytes: 1024 * 1024 });
    const reader = createExtentReader(options);
    const stop = new AbortController();
    const running = writer.run(stop.signal);
    const lengthOf = (i: number): number => (i * 7919) % 90_000;
    const refs = await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        writer.append(standardExtents, identityOf(i), payloadOf(lengthOf(i), i)),
      ),
    );
    writer.release(refs);
    for (const [i, ref] of refs.entries()) {
      const [start, end] = [Math.floor(lengthOf(i) / 3), lengthOf(i)];
      const found = await reader.read(ref, identityOf(i), start, end);
      assert.deepEqual(found, payloadOf(end, i).subarray(start));
    }
    const { syncs, records } = writer.statistics();
    assert.ok(records / syncs >= 8, `${records} records in ${syncs} syncs`);
    stop.abort();
    await running;
    await reader.close();
    for (const entry of await table.list(undefined, 1000)) {
      assert.equal(entry.row.state, "settled");
      const dropping = await table.replace(entry, { ...entry.row, state: "dropping" });
      assert.ok(dropping !== "conflict");
      assert.equal(await dropExtent({ ...options, entry: dropping }), "ok");
    }
    const [first] = options.disks.disks;
    for (const name of (await first?.disk.list("extents")) ?? []) {
      assert.deepEqual(await first?.disk.list(`extents/${name}`), []);
    }
  });
});

test("extents on a real disk: what an abandoned writer left is sealed before its torn tail", async () => {
  await withRealStore(async ({ root, table, options }) => {
    const writer = createExtentWriter(options);
    const ref = await writer.append(standardExtents, identityOf(0), payloadOf(5000));
    appendFileSync(join(root, "extents/01/00000000000001.extent"), payloadOf(3000));
    const entry = await table.get(ref.extent);
    assert.ok(entry !== undefined);
    const sealed = await sealAbandoned({ ...options, entry });
    assert.equal(sealed.row.length, ref.offset + recordBytes(identityOf(0).key.length, 5000));
    const reader = createExtentReader(options);
    assert.deepEqual(await reader.read(ref, identityOf(0), 0, 5000), payloadOf(5000));
    await reader.close();
    await writer.run(AbortSignal.abort());
  });
});

test("extents on a real disk: a directory that vanished is named, and used again when it is back", async () => {
  await withRealStore(async ({ root, options }) => {
    const away = `${root}-away`;
    renameSync(root, away);
    const writer = createExtentWriter(options);
    await assert.rejects(
      writer.append(standardExtents, identityOf(0), payloadOf(10)),
      (error: Error) => {
        assert.match(error.message, /is not there: mount it again/);
        return error.message.includes(root);
      },
    );
    renameSync(away, root);
    const stop = new AbortController();
    const running = writer.run(stop.signal);
    const deadlineMs = platform.clock.monotonicMs() + 5000;
    let isBack = false;
    while (!isBack && platform.clock.monotonicMs() < deadlineMs) {
      isBack = await writer.append(standardExtents, identityOf(0), payloadOf(10)).then(
        () => true,
        () => false,
      );
      await platform.clock.sleep(10);
    }
    assert.ok(isBack);
    stop.abort();
    await running;
  });
});

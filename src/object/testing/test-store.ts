import { encodeUtf8 } from "../../base/bytes.ts";
import type { Engine } from "../../engine/engine.ts";
import type { MemoryEngine } from "../../engine/memory-engine.ts";
import { createMemoryEngine } from "../../engine/memory-engine.ts";
import { initialiseDataDirectory } from "../../extent/data-directories.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import type { ExtentWriter } from "../../extent/extent-writer.ts";
import { MemoryDisk } from "../../extent/testing/memory-disk.ts";
import type { ChunkRef } from "../../format/chunk-ref.ts";
import type { StoreId } from "../../format/ids.ts";
import { makeFirstRows } from "../../keymap/first-rows.ts";
import type { TestPlatform } from "../../keymap/testing/test-platform.ts";
import { createTestPlatform } from "../../keymap/testing/test-platform.ts";
import type { Hash } from "../../platform/hash.ts";
import { partsPerCommitMax } from "../../rows/uploads.ts";
import { openStoreCore } from "../../server/store-core.ts";
import { createBucket } from "../bucket/buckets.ts";
import { createProcessStore, type ObjectStore, storeForRequest } from "../object-store.ts";
import { RequestPhases } from "../request-phases.ts";
import { idOfText } from "../../format/ids.ts";

/** The real writer, and what was appended and released through it. */
export class RecordingWriter implements ExtentWriter {
  readonly name = "recording writer";
  readonly appended: ChunkRef[] = [];
  readonly released: ChunkRef[] = [];
  /** Asked before each append; may throw or wait. */
  before: () => void | Promise<void> = () => {};
  underWay = 0;
  underWayMost = 0;
  readonly #writer: ExtentWriter;

  constructor(writer: ExtentWriter) {
    this.#writer = writer;
  }

  async append(...args: Parameters<ExtentWriter["append"]>): Promise<ChunkRef> {
    this.underWayMost = Math.max(this.underWayMost, ++this.underWay);
    try {
      await this.#ask(args[3]);
      const ref = await this.#writer.append(...args);
      this.appended.push(ref);
      return ref;
    } finally {
      this.underWay--;
    }
  }

  async #ask(released: (() => void) | undefined): Promise<void> {
    try {
      await this.before();
    } catch (error) {
      released?.();
      throw error;
    }
  }

  assertInPlace(refs: readonly ChunkRef[]): Promise<void> {
    return this.#writer.assertInPlace(refs);
  }

  release(refs: readonly ChunkRef[]): void {
    this.released.push(...refs);
    this.#writer.release(refs);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#writer.run(signal);
  }

  membersNow(...args: Parameters<ExtentWriter["membersNow"]>): number {
    return this.#writer.membersNow(...args);
  }

  statistics(): ReturnType<ExtentWriter["statistics"]> {
    return this.#writer.statistics();
  }
}

export interface TestStore extends ObjectStore {
  readonly platform: TestPlatform;
  readonly writer: RecordingWriter;
}

/** Engine and disk in memory, with as many front ends as a test wants. */
export interface TestMachine {
  readonly engine: MemoryEngine;
  readonly disk: MemoryDisk;
  readonly platform: TestPlatform;
  frontEnd(): Promise<TestStore>;
}

export const testBucket = "bucket";
export const testOwner = { owner: "owner", account: "account" };

export function createTestMachine(hash: Hash): TestMachine {
  const engine = createMemoryEngine();
  const disk = new MemoryDisk();
  const platform = createTestPlatform(hash);
  return { engine, disk, platform, frontEnd: () => openTestStore({ engine, disk, platform }) };
}

/** A front end over an engine, and a disk in memory. */
export async function openTestStore(machine: {
  readonly engine: Engine;
  readonly disk: MemoryDisk;
  readonly platform: TestPlatform;
}): Promise<TestStore> {
  const { engine, disk, platform } = machine;
  const store = idOfText<StoreId>("5".repeat(32)); // made up
  const identity = await initialiseDataDirectory(
    disk,
    { store, holdsIndex: true },
    platform.random,
  );
  const disks = { store, disks: [localDataDisk(platform.hash, identity.disk, disk)] };
  const engines = new Map([["main", engine]]);
  await makeFirstRows({ platform, engine, engineName: "main", store });
  const opened = { platform, engines, disks, generation: 0 };
  const { keymap, reader, reads, ...core } = await openStoreCore(opened, "front-end", {});
  const writer = new RecordingWriter(core.writer);
  const requests = { region: "us-east-1", partsPerCommit: partsPerCommitMax };
  const shared = createProcessStore({ platform, keymap, writer, reader, reads, ...requests });
  return { ...storeForRequest(shared, new RequestPhases(platform.clock)), platform, writer };
}

/** One front end of a machine of its own, with a bucket. */
export async function createTestStore(hash: Hash): Promise<TestStore & { machine: TestMachine }> {
  const machine = createTestMachine(hash);
  const store = await machine.frontEnd();
  await createBucket(store, { name: testBucket, ...testOwner, region: store.region });
  return { ...store, machine };
}

export const key = encodeUtf8;

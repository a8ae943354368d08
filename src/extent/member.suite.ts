import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError } from "../base/errors.ts";
import type { ExtentHeader } from "../format/extent-header.ts";
import type { DiskId, ExtentId, SessionId } from "../format/ids.ts";
import { idOfText } from "../format/ids.ts";
import { storeIdentityFile } from "../format/data-directory.ts";
import { blockBytes, extentHeaderBytes } from "../format/limits.ts";
import type { Disk } from "../platform/disk.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import { initialiseDataDirectory } from "./data-directories.ts";
import { extentDirectory, extentPath } from "./extent-files.ts";
import type { ExtentMember, MemberDrop, Members, ReadableMember } from "./extent-member.ts";
import { MemberLost } from "./extent-member.ts";
import { LocalMembers } from "./local-members.ts";
import { readHeader } from "./member/member-header.ts";
import { payloadOf, testStoreId } from "./testing/test-store.ts";

/*
 * The contract of the members in a data directory as tests, the same for every kind of disk that
 * they may stand on, and for every way to reach them.
 */

/** Gives the way to the members in a data directory; `hash` is the one that their headers have. */
export interface CreateMembers {
  readonly hash: Hash;
  create(id: DiskId, disk: Disk): Members;
}

export function createLocalMembers(hash: Hash): CreateMembers {
  return { hash, create: (id, disk) => new LocalMembers(hash, id, disk) };
}

/** Made up, as a row would state it. */
const header: ExtentHeader = {
  sequence: 0,
  store: testStoreId,
  disk: idOfText<DiskId>("d".repeat(32)),
  extent: 7 as ExtentId,
  scheme: { kind: "replicated", copies: 1, quorum: 1 },
  member: 0,
  epoch: 1,
  session: 3 as SessionId,
  createdMs: 1_700_000_000_000,
  layout: 0,
};
const path = extentPath(header.extent);
const start = extentHeaderBytes;

class MembersBench {
  readonly members: Members;
  readonly hash: Hash;
  /** What the members stand on. */
  readonly disk: Disk;

  constructor(implementation: CreateMembers, disk: Disk) {
    this.members = implementation.create(header.disk, disk);
    this.hash = implementation.hash;
    this.disk = disk;
  }

  create(): Promise<ExtentMember> {
    return this.members.create(header);
  }

  open(expected: Partial<ExtentHeader> = {}) {
    return this.members.open({ ...header, ...expected });
  }

  async reopen(): Promise<ExtentMember> {
    const member = await this.open();
    assert.ok(typeof member === "object" && !("doubt" in member));
    return member;
  }

  async drop(
    expected: Partial<ExtentHeader> = {},
    options: Omit<MemberDrop, "expected"> = {},
  ): Promise<string> {
    const drop = { ...options, expected: { ...header, ...expected } };
    return (await this.members.drop(drop)).outcome;
  }

  /** Puts another file in the place of the member's. */
  async replace(): Promise<void> {
    await this.disk.remove(path);
    await (await this.disk.open(path, "create")).close();
  }

  async spoilHeader(): Promise<void> {
    const file = await this.disk.open(path, "write");
    await file.write([new Uint8Array(extentHeaderBytes)], 0);
    await file.close();
  }
}

const isFenced = { name: "StoreError", code: "fenced" } as const;
const isLost =
  (found: string) =>
  (error: unknown): boolean =>
    error instanceof MemberLost && error.found === found;

async function read(member: ReadableMember, offset: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length);
  assert.equal(await member.read(buffer, offset), length);
  return buffer;
}

const tests: Readonly<Record<string, (bench: MembersBench) => Promise<void>>> = {
  async "what is appended is read back, also once it is opened again"(bench) {
    const member = await bench.create();
    await member.append(1, start, [payloadOf(100), payloadOf(0), payloadOf(5, 2)]);
    await member.append(1, start + 105, [payloadOf(70_000, 3)]);
    await member.close();
    const again = await bench.reopen();
    assert.equal(await again.size(), start + 70_105);
    assert.deepEqual(await read(again, start, 100), payloadOf(100));
    assert.deepEqual(await read(again, start + 105, 70_000), payloadOf(70_000, 3));
    await again.close();
  },

  async "C1: it refuses an older epoch, whichever process raised it, and goes on at the new one"(
    bench,
  ) {
    const member = await bench.create();
    await member.append(1, start, [payloadOf(8)]);
    const sealer = await bench.reopen();
    await sealer.seal(5);
    await assert.rejects(member.append(1, start + 8, [payloadOf(8)]), isFenced);
    await assert.rejects(member.append(1, start + 8, [payloadOf(8)]), isFenced);
    await assert.rejects(sealer.append(1, start + 8, [payloadOf(8)]), isFenced);
    await sealer.append(5, start, [payloadOf(8, 2)]);
    assert.deepEqual(await read(member, start, 8), payloadOf(8, 2));
    await member.close();
    await sealer.close();
  },

  async "sealing again at the same epoch does no harm, at an older one it is refused"(bench) {
    const member = await bench.create();
    await member.seal(5);
    await member.seal(5);
    await assert.rejects(member.seal(4), isFenced);
    await member.append(5, start, [payloadOf(8)]);
    await member.close();
  },

  async "C9: one whose header says something else is not opened, nor is one with foreign bytes"(
    bench,
  ) {
    assert.equal(await bench.open(), "absent");
    const member = await bench.create();
    await member.append(1, start, [payloadOf(100)]);
    await member.close();
    for (const other of [{ session: 4 as SessionId }, { createdMs: 1 }]) {
      const found = await bench.open(other);
      assert.ok(typeof found === "object" && "doubt" in found);
      assert.match(found.doubt, /its header says/);
    }
    await bench.spoilHeader();
    const found = await bench.open();
    assert.ok(typeof found === "object" && "doubt" in found);
    assert.match(found.doubt, /neither its header nor a record/);
  },

  async "C9: making one does not touch a file that is there"(bench) {
    const member = await bench.create();
    await member.append(1, start, [payloadOf(100)]);
    await assert.rejects(bench.create(), (error) => isDiskError(error, "exists"));
    assert.deepEqual(await read(member, start, 100), payloadOf(100));
    await member.close();
  },

  async "C1: an append to a file that was removed, replaced or spoiled is not answered for"(bench) {
    const removed = await bench.create();
    await bench.disk.remove(path);
    assert.equal(await removed.isInPlace(), false);
    await assert.rejects(removed.append(1, start, [payloadOf(8)]), isLost("missing"));
    await removed.close();
    const replaced = await bench.create();
    await bench.replace();
    assert.equal(await replaced.isInPlace(), false);
    await assert.rejects(replaced.append(1, start, [payloadOf(8)]), isLost("missing"));
    await replaced.close();
    await bench.disk.remove(path);
    const spoiled = await bench.create();
    await bench.spoilHeader();
    await assert.rejects(spoiled.append(1, start, [payloadOf(8)]), isLost("damaged"));
    await spoiled.close();
  },

  async "C9: it is dropped by the header that is meant only, and not where it was sealed since"(
    bench,
  ) {
    assert.equal(await bench.drop(), "absent");
    const member = await bench.create();
    await member.append(1, start, [payloadOf(8)]);
    await member.seal(9);
    await member.close();
    assert.equal(await bench.drop({ session: 4 as SessionId, epoch: 9 }), "kept");
    assert.equal(await bench.drop({ createdMs: 1, epoch: 9 }), "kept");
    assert.equal(await bench.drop({ epoch: 8 }), "kept");
    assert.equal(await bench.drop({ epoch: 9 }), "removed");
    assert.equal(await bench.open(), "absent");
  },

  async "C9: it is kept where its header is gone, and where it is longer than it may be"(bench) {
    const member = await bench.create();
    await member.append(1, start, [payloadOf(8)]);
    await member.close();
    assert.equal(await bench.drop({}, { bytesMax: start }), "kept");
    await bench.spoilHeader();
    assert.equal(await bench.drop(), "kept");
    assert.equal(await bench.drop({ session: 4 as SessionId }), "kept");
    await bench.replace();
    assert.equal(await bench.drop(), "removed", "a file with nothing in it is nobody's");
    assert.equal(await bench.drop({}, { sync: "if there" }), "absent");
  },

  async "it is read by whoever knows its extent, with its header, also once it was dropped"(bench) {
    await assert.rejects(bench.members.openForReading(header), (error) =>
      isDiskError(error, "missing"),
    );
    const member = await bench.create();
    await member.append(1, start, [payloadOf(100)]);
    await member.seal(4);
    await member.close();
    const reading = await bench.members.openForReading(header);
    assert.deepEqual(await readHeader(bench.hash, reading), { ...header, sequence: 1, epoch: 4 });
    assert.equal(await bench.drop({ epoch: 4 }), "removed");
    assert.equal(await reading.size(), start + 100);
    assert.deepEqual(await read(reading, start, 100), payloadOf(100));
    assert.equal(await reading.read(new Uint8Array(100), start + 40), 60);
    await reading.close();
  },

  async "it says what its blocks come to, and fewer where it ends"(bench) {
    const content = payloadOf(3 * blockBytes + 9);
    const member = await bench.create();
    await member.append(1, start, [content]);
    await member.close();
    const length = start + content.length;
    const digests = (level: number, first: number, count: number, to = length) =>
      bench.members.digests(header, { level, first, count, length: to });
    const digestOf = (from: number, to: number) =>
      bench.hash.blockChecksum(content.subarray(from, to));
    const ends = [1, 2, 3].map((block) => digestOf((block - 1) * blockBytes, block * blockBytes));
    const all = [...ends, digestOf(3 * blockBytes, content.length)];
    assert.deepEqual(await digests(0, 0, 4), all);
    assert.deepEqual(await digests(0, 2, 1), [all[2]]);
    assert.deepEqual(await digests(0, 2, 1, start + 2 * blockBytes + 5), [
      digestOf(2 * blockBytes, 2 * blockBytes + 5),
    ]);
    const [root] = await digests(1, 0, 1);
    assert.ok(root !== undefined && !all.includes(root));
    // Another one may be longer.
    assert.deepEqual(await digests(0, 3, 3, length + 2 * blockBytes), [all[3]]);
    await bench.disk.remove(path);
    await assert.rejects(digests(0, 0, 1), (error) => isDiskError(error, "missing"));
  },

  async "its file is listed in a folder, and so is what is no member"(bench) {
    const { members, disk } = bench;
    const folder = extentDirectory(header.extent);
    assert.deepEqual([await members.folders(), await members.pathsIn(folder)], [[], []]);
    await (await bench.create()).close();
    await (await disk.open(`${folder}/notes`, "create")).close();
    assert.deepEqual(await members.folders(), [folder]);
    assert.deepEqual((await members.pathsIn(folder)).sort(), [path, `${folder}/notes`].sort());
  },

  async "they are there while their directory is the one it was"(bench) {
    const { members, disk } = bench;
    assert.equal(members.name, disk.name);
    const isAway = (error: unknown): boolean => isStoreError(error, "missing");
    await assert.rejects(members.assertPresent(), isAway);
    // Gives it the id of ours, and after it another one.
    await initialise(disk, 0xdd);
    await members.assertPresent();
    await disk.remove(storeIdentityFile);
    await initialise(disk, 0xee);
    await assert.rejects(members.assertPresent(), isAway);
  },
};

async function initialise(disk: Disk, idByte: number): Promise<void> {
  const random = { bytes: (count: number) => new Uint8Array(count).fill(idByte) };
  await initialiseDataDirectory(disk, { store: testStoreId, holdsIndex: false }, random);
}

/** `withDisk` gives each test an empty data directory, and lets it come to its end. */
export function testMembers(
  name: string,
  implementation: CreateMembers,
  withDisk: (work: (disk: Disk) => Promise<void>) => Promise<void>,
): void {
  for (const [title, run] of Object.entries(tests)) {
    test(`members ${name}: ${title}`, () =>
      withDisk((disk) => run(new MembersBench(implementation, disk))));
  }
}

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Disk, DiskErrorKind } from "../../platform/disk.ts";
import { isDiskError } from "../../platform/disk.ts";
import { openDisk } from "./disk.ts";

async function inDirectory(work: (disk: Disk, directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-disk-"));
  try {
    await work(openDisk(directory), directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const failsWith = (work: Promise<unknown>, kind: DiskErrorKind): Promise<void> =>
  assert.rejects(work, (error) => isDiskError(error, kind) && error.message.length > 10);

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7);

test("disk: what is written in vectors, past what one call takes, is read back", async () => {
  await inDirectory(async (disk, directory) => {
    const file = await disk.open("file", "create");
    const vectors = Array.from({ length: 3000 }, (_, i) => bytes(i % 50));
    await file.write(vectors, 100);
    await file.sync();
    const whole = new Uint8Array(Buffer.concat([new Uint8Array(100), ...vectors]));
    assert.equal(await file.size(), whole.length);
    const buffer = new Uint8Array(whole.length + 10);
    assert.equal(await file.read(buffer, 0), whole.length, "fewer than asked at the end");
    assert.deepEqual(buffer.subarray(0, whole.length), whole);
    assert.equal(await file.read(buffer, whole.length + 5), 0);
    await file.close();
    assert.deepEqual(new Uint8Array(readFileSync(join(directory, "file"))), whole);
  });
});

test("disk: directories, names, renaming and removing", async () => {
  await inDirectory(async (disk) => {
    await disk.makeDirectory("a");
    await disk.makeDirectory("a");
    await disk.makeDirectory("a/b");
    for (const name of ["a/x", "a/b/y"]) await (await disk.open(name, "create")).close();
    await disk.syncDirectory("a/b");
    await disk.syncDirectory("");
    assert.deepEqual((await disk.list("a")).sort(), ["b", "x"]);
    await disk.rename("a/x", "a/b/y");
    assert.deepEqual(await disk.list("a"), ["b"]);
    const reading = await disk.open("a/b/y", "write");
    await disk.remove("a/b/y");
    assert.equal(await reading.size(), 0, "an open file outlives its name");
    await reading.close();
    const { bytesFree, bytesTotal } = await disk.space();
    assert.ok(0 < bytesFree && bytesFree <= bytesTotal);
  });
});

test("C8: disk: one that is read-only says so, although nothing is written to it", async (t) => {
  await inDirectory(async (disk, directory) => {
    const { isReadOnly, fileSystem } = await disk.space();
    assert.equal(isReadOnly, false);
    assert.equal((await openDisk(tmpdir()).space()).fileSystem, fileSystem, "they share its space");
    // A superuser may write whatever the mode is.
    if (process.getuid?.() !== 0) {
      chmodSync(directory, 0o500);
      assert.equal((await disk.space()).isReadOnly, true);
      chmodSync(directory, 0o700);
      return;
    }
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "ro", "none", directory]);
    if (status !== 0) return t.skip("nothing can be mounted here");
    try {
      const mounted = await disk.space();
      assert.equal(mounted.isReadOnly, true);
      assert.notEqual(mounted.fileSystem, fileSystem);
    } finally {
      spawnSync("umount", [directory]);
    }
  });
});

test("disk: failures say what kind they are", async () => {
  await inDirectory(async (disk, directory) => {
    await failsWith(disk.open("none", "read"), "missing");
    await failsWith(disk.open("none", "write"), "missing");
    await failsWith(disk.open("none/file", "create"), "missing");
    await failsWith(disk.list("none"), "missing");
    await failsWith(disk.remove("none"), "missing");
    await failsWith(disk.syncDirectory("none"), "missing");
    await failsWith(disk.makeDirectory("none/below"), "missing");
    await (await disk.open("file", "create")).close();
    await failsWith(disk.open("file", "create"), "exists");
    await failsWith(disk.open("file/below", "read"), "missing");
    await failsWith(openDisk(join(directory, "none")).space(), "missing");
    const file = await disk.open("file", "read");
    await failsWith(file.write([bytes(1)], 0), "io");
    await file.close();
    await failsWith(file.read(new Uint8Array(1), 0), "io");
  });
});

test("disk: nothing outside of the directory can be named", async () => {
  await inDirectory(async (disk) => {
    for (const path of ["..", "a/../../b", "/etc/passwd", "a//b", "./a"]) {
      await assert.rejects(disk.open(path, "read"), /not a path within/);
    }
  });
});

const withoutFullDevice = existsSync("/dev/full") ? false : "this system has no /dev/full";

test("disk: a full device is full", { skip: withoutFullDevice }, async () => {
  const file = await openDisk("/dev").open("full", "write");
  await failsWith(file.write([bytes(10)], 0), "full");
  await file.close();
});

const mebibyte = 1024 * 1024;

test("disk: large writes out of memory that threads share are read back whole", async () => {
  await inDirectory(async (disk, directory) => {
    const { buffer } = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
    const shared = new Uint8Array(buffer).map((_, i) => (i * 31) ^ (i >> 12));
    new Uint8Array(buffer).set(shared);
    const file = await disk.open("file", "create");
    const part = (start: number, end: number) => new Uint8Array(buffer, start, end - start);
    // Blocks where they lie, some behind them, some that do not begin at a page, and both in turn.
    const writes = [
      [part(0, mebibyte)],
      [part(mebibyte, 2 * mebibyte + 5000)],
      [part(100, mebibyte), part(8192, mebibyte + 96)],
      [bytes(1), part(4096, 2 * mebibyte), part(4096, 4196), part(8192, 2 * mebibyte)],
    ];
    let at = 4096;
    const expected: Uint8Array[] = [new Uint8Array(at)];
    for (const vectors of writes) {
      await file.writeDurably(vectors, at);
      expected.push(...vectors);
      at += vectors.reduce((sum, { length }) => sum + length, 0);
    }
    await file.close();
    assert.equal(readFileSync(join(directory, "file")).compare(Buffer.concat(expected)), 0);
  });
});

test("disk: large writes anywhere, between small ones, are read back whole", async () => {
  await inDirectory(async (disk, directory) => {
    const file = await disk.open("file", "create");
    const reader = await disk.open("file", "read");
    const written: Uint8Array[] = [];
    let length = 0;
    const lengths = [8, mebibyte, 3 * mebibyte + 5, 4091, 2 * mebibyte - 4, 4096, 16, 5 * mebibyte];
    for (const [index, count] of lengths.entries()) {
      const vectors = [bytes(index), bytes(count), bytes(7 - index)];
      if (index % 3 === 0) {
        await file.write(vectors, length);
        await file.sync();
      } else await file.writeDurably(vectors, length);
      written.push(...vectors);
      // Read at once, through the page cache: what comes next must not be hidden by it.
      const { buffer } = new Uint8Array((length += count + 7));
      assert.equal(await reader.read(new Uint8Array(buffer), 0), length);
      assert.equal(Buffer.compare(Buffer.from(buffer), Buffer.concat(written)), 0);
    }
    assert.equal(await file.size(), length);
    await Promise.all([file.close(), reader.close()]);
    assert.equal(readFileSync(join(directory, "file")).compare(Buffer.concat(written)), 0);
  });
});

test(
  "disk: a large write to a full device fails as a small one does",
  { skip: withoutFullDevice },
  async () => {
    const file = await openDisk("/dev").open("full", "write");
    await failsWith(file.write([bytes(2 * mebibyte)], 0), "full");
    await file.close();
  },
);

const withoutDescriptors = process.platform === "linux" ? false : "only Linux lists them";

test(
  "C1: a durable write goes through a descriptor whose writes are synced, where the path leads to the file",
  { skip: withoutDescriptors },
  async () => {
    await inDirectory(async (disk, directory) => {
      const path = join(directory, "file");
      const file = await disk.open("file", "create");
      await file.writeDurably([bytes(10), bytes(0), bytes(3)], 0);
      const flags = readdirSync("/proc/self/fd").flatMap((descriptor) => {
        try {
          if (readlinkSync(`/proc/self/fd/${descriptor}`) !== path) return [];
          const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, "latin1");
          return Number.parseInt(/flags:\s*(\d+)/.exec(info)?.[1] ?? "", 8);
        } catch {
          return []; // the one the directory was read by
        }
      });
      assert.equal(flags.length, 2);
      assert.ok(flags.some((word) => (word & constants.O_DSYNC) !== 0));
      await file.close();
      assert.equal(readFileSync(path).length, 13);
    });
  },
);

test("disk: a look at a file fills in its first bytes, and zeros behind its end", async () => {
  await inDirectory(async (disk) => {
    const file = await disk.open("file", "create");
    await file.writeDurably([Uint8Array.of(1, 2, 3)], 0);
    const head = new Uint8Array(5).fill(9);
    assert.equal(await file.isInPlace(head), true);
    assert.deepEqual(head, Uint8Array.of(1, 2, 3, 0, 0));
    await file.close();
    await failsWith((async () => file.isInPlace(head))(), "io");
  });
});

test("disk: a file that was removed, replaced or moved is no longer in place", async () => {
  await inDirectory(async (disk, directory) => {
    const path = join(directory, "extents", "file");
    await disk.makeDirectory("extents");
    const file = await disk.open("extents/file", "create");
    await file.write([bytes(10)], 0);
    assert.equal(await file.isInPlace(), true);
    renameSync(path, `${path}.old`);
    assert.equal(await file.isInPlace(), false, "moved");
    writeFileSync(path, "another file");
    assert.equal(await file.isInPlace(), false, "replaced");
    await file.write([bytes(2 * mebibyte)], 10);
    await file.writeDurably([bytes(20)], 0);
    assert.equal(readFileSync(path, "utf8"), "another file", "what is not ours is not written");
    renameSync(`${path}.old`, path);
    assert.equal(await file.isInPlace(), true);
    renameSync(join(directory, "extents"), join(directory, "elsewhere"));
    assert.equal(await file.isInPlace(), false, "its directory was moved");
    renameSync(join(directory, "elsewhere"), join(directory, "extents"));
    rmSync(path);
    assert.equal(await file.isInPlace(), false, "removed");
    await file.close();
  });
});

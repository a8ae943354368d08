import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Disk, DiskErrorKind } from "../platform/disk.ts";
import { isDiskError } from "../platform/disk.ts";
import { afterBytes, openDisk } from "./disk.ts";

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

test("disk: what is written in parts, past what one call takes, is read back", async () => {
  await inDirectory(async (disk, directory) => {
    const file = await disk.open("file", "create");
    const parts = Array.from({ length: 3000 }, (_, i) => bytes(i % 50));
    await file.write(parts, 100);
    await file.sync();
    const whole = new Uint8Array(Buffer.concat([new Uint8Array(100), ...parts]));
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

test("disk: a short write goes on with what is left of the parts", () => {
  const parts = [bytes(3), bytes(4), bytes(5)];
  const whole = Buffer.concat(parts);
  for (let count = 0; count <= whole.length; count++) {
    assert.deepEqual(Buffer.concat(afterBytes(parts, count)), whole.subarray(count));
  }
});

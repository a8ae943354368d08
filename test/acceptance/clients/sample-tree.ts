import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import assert from "node:assert/strict";

/** Names that clients and servers encode differently in paths, queries, headers and XML. */
const awkwardNames: readonly string[] = [
  "plus + and space.txt",
  "percent %2F %20 %.txt",
  "a&b=c?d#e;f.txt",
  "quotes ' and <angles>.xml",
  "ünïcödé/日本語/😀 emoji.bin",
  "dots/...three/.hidden",
  "brackets [x] {y} (z) ~^$@!,.txt",
  "composed-é-and-decomposed-é.txt",
  "empty",
];

/** Sizes around what clients and the store cut at: blocks, chunks, parts of 5, 8 and 15 MiB. */
const awkwardSizes: readonly number[] = [
  0, 1, 65_535, 65_536, 65_537, 4_194_304, 4_194_305, 5_242_880, 8_388_609, 17_000_001,
];

const plainFiles = 240;

/** A tree of about 43 MB in about 260 files. */
export async function writeSampleTree(folder: string): Promise<void> {
  const write = async (name: string, bytes: number): Promise<void> => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, randomBytes(bytes));
  };
  for (const [index, name] of awkwardNames.entries()) {
    await write(join("awkward", name), name === "empty" ? 0 : 100 + index);
  }
  for (const bytes of awkwardSizes) await write(join("sizes", `${bytes}.bin`), bytes);
  for (let i = 0; i < plainFiles; i++) {
    await write(join("plain", `d${i % 12}`, `e${i % 5}`, `file-${i}.bin`), 37 * i);
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** SHA-256 of a file's bytes, in hex. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 }))
    hash.update(piece as Buffer);
  return hash.digest("hex");
}

/** Every file of `expected` is in `actual` with the same bytes, and nothing else is. */
export async function assertSameTree(
  expected: string,
  actual: string,
): Promise<{ files: number; bytes: number }> {
  const names = await filesBelow(expected);
  assert.ok(names.length > 0, `${expected} is empty`);
  assert.deepEqual(await filesBelow(actual), names);
  let bytes = 0;
  for (const name of names) {
    bytes += (await stat(join(expected, name))).size;
    assert.equal(await digestOf(join(actual, name)), await digestOf(join(expected, name)), name);
  }
  return { files: names.length, bytes };
}

/**
 * A file of bytes that do not repeat within it, made quickly: a counter written over one random
 * block.
 */
export async function writeLargeFile(path: string, bytes: number): Promise<void> {
  const block = new Uint8Array(1 << 20);
  crypto.getRandomValues(block.subarray(0, 65_536));
  for (let at = 65_536; at < block.length; at += 65_536) block.copyWithin(at, 0, 65_536);
  const view = new DataView(block.buffer);
  const file = await open(path, "w");
  for (let written = 0, count = 0; written < bytes; written += block.length, count++) {
    for (let at = 0; at < block.length; at += 4096) view.setUint32(at, count * 256 + at / 4096);
    await file.write(block);
  }
  await file.close();
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

export const secondsSince = (began: number): string =>
  `${((performance.now() - began) / 1000).toFixed(0)} s`;

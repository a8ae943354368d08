import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentId } from "../../format/ids.ts";
import { createHash } from "../../node/platform/hash.ts";
import { Manifests } from "./manifests.ts";
import type { Reference } from "./reference-search.ts";
import { ReferenceSearch } from "./reference-search.ts";
import { around } from "../testing/around.ts";
import {
  beginUpload,
  makeBucket,
  putChunks,
  putPart,
  remove,
  useVersions,
  versionsIn,
} from "../testing/objects.ts";
import type { TestProcess } from "../testing/processes.ts";
import { createTestMachine } from "../testing/processes.ts";

const hash = createHash();

async function search(
  process: TestProcess,
  extent: number,
  known?: Reference,
): Promise<{ found: Reference | "none"; steps: number }> {
  const options = { keymap: process.keymap, manifests: new Manifests(process) };
  const one = new ReferenceSearch(options, extent as ExtentId, known);
  for (let steps = 1; ; steps++) {
    const found = await one.step();
    if (found !== "busy") return { found, steps };
  }
}

test("C5: what refers to an extent is found in heads, parts and manifests", async () => {
  const machine = await createTestMachine(hash, 1 << 20);
  const writes: ((process: TestProcess) => Promise<void>)[] = [
    (process) => putChunks(process, "short", ["a"]),
    (process) => putChunks(process, "long", Array.from({ length: 20 }, String)),
    async (process) => putPart(process, "part", await beginUpload(process, "part"), 1, ["b"]),
  ];
  const first = await machine.start("front-end");
  await makeBucket(first);
  for (const write of writes) {
    const process = await machine.start("front-end"); // with an extent of its own
    await write(process);
    await process.stop();
  }
  for (let extent = 1; extent <= writes.length; extent++) {
    assert.notEqual((await search(first, extent)).found, "none", `extent ${extent}`);
  }
  assert.equal((await search(first, writes.length + 1)).found, "none");
});

test("C5: a manifest that can't be read may list anything", async () => {
  const machine = await createTestMachine(hash, 1 << 20);
  const process = await machine.start("front-end");
  await makeBucket(process);
  await putChunks(process, "long", Array.from({ length: 20 }, String));
  assert.equal((await search(process, 99)).found, "none");
  for (const [path, bytes] of machine.disk.files) if (path.endsWith(".extent")) bytes.fill(0);
  assert.notEqual((await search(process, 99)).found, "none");
});

test("C5: what a manifest lists is not known, nor guessed, while its data directory is not there", async () => {
  const machine = await createTestMachine(hash, 1 << 20);
  const process = await machine.start("front-end");
  await makeBucket(process);
  await putChunks(process, "long", Array.from({ length: 20 }, String));
  const files = [...machine.disk.files];
  machine.disk.files.clear();
  await assert.rejects(search(process, 99), { code: "missing" });
  for (const [path, bytes] of files) machine.disk.files.set(path, bytes);
  assert.equal((await search(process, 99)).found, "none");
  for (const [path] of files) if (path.endsWith(".extent")) machine.disk.files.delete(path);
  const { found } = await search(process, 99);
  assert.ok(found !== "none" && !found.isCertain);
});

test("a reference that was found before is looked at first, and counts while its row is the same", async () => {
  const machine = await createTestMachine(hash, 1 << 20);
  const process = await machine.start("front-end");
  await makeBucket(process);
  await putChunks(process, "a", ["a"]);
  const { found } = await search(process, 1);
  assert.ok(found !== "none");
  assert.deepEqual(await search(process, 1, found), { found, steps: 1 });
  await remove(process, "a");
  assert.equal((await search(process, 1, found)).found, "none");
});

test("C5: a reference is found although its version moves before every look", async () => {
  for (const isHeadFirst of [true, false]) {
    const machine = await createTestMachine(hash, 1 << 20);
    const first = await machine.start("front-end");
    await makeBucket(first);
    await useVersions(first);
    await putChunks(first, "k", ["in extent 1"]);
    await first.stop();
    const front = await machine.start("front-end");
    let isHead = true;
    const move = async (): Promise<void> => {
      isHead = !isHead;
      if (!isHead) return remove(front, "k"); // a marker over it
      const [marker] = await versionsIn(front);
      return remove(front, "k", marker!.ref);
    };
    if (!isHeadFirst) await move();
    const keymap = around(front.keymap, move);
    assert.notEqual((await search({ ...front, keymap }, 1)).found, "none");
  }
});

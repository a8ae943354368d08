import { assert, must } from "../../../base/assert.ts";
import { concatBytes, equalBytes } from "../../../base/bytes.ts";
import { plainCombiner } from "../../../erasure/combine.ts";
import { codeOf } from "../../../erasure/codes.ts";
import { extentPath } from "../../../extent/extent-files.ts";
import type { ExtentEntry } from "../../../extent/extent-table.ts";
import { filesOf, type ShardScheme } from "../../../format/extent-row.ts";
import type { DiskId, ExtentId } from "../../../format/ids.ts";
import { extentHeaderBytes } from "../../../format/limits.ts";
import { shardGeometry } from "../../../format/shard.ts";
import type { MemoryDisk } from "../../../extent/testing/memory-disk.ts";
import { makeBucket, putChunks } from "../../testing/objects.ts";
import type { TestMachine, TestProcess } from "../../testing/processes.ts";

/** The disk in memory that has this id. */
export function memoryDiskOf(machine: TestMachine, id: DiskId): MemoryDisk {
  const index = machine.disks.disks.findIndex((place) => place.id === id);
  return must(machine.memoryDisks[index], "a disk of the machine");
}

/** The bytes of a member's file; undefined where there is none. */
export function fileOf(
  machine: TestMachine,
  extent: ExtentId,
  { disk, layout }: { readonly disk: DiskId; readonly layout: number },
): Uint8Array | undefined {
  return memoryDiskOf(machine, disk).files.get(extentPath(extent, layout));
}

/** Objects of several chunks, in extents that their writer has sealed. */
export async function storeObjects(machine: TestMachine, count: number): Promise<void> {
  const front = await machine.start("front-end");
  await makeBucket(front);
  for (let i = 0; i < count; i++) {
    await putChunks(front, `key ${i}`, [`object ${i};`.repeat(20), `its end ${i}.`.repeat(15)]);
  }
  await front.stop();
}

/** The content of each extent: its bytes behind the header, as its members have them. */
export async function contentsOf(
  machine: TestMachine,
  process: TestProcess,
): Promise<Map<ExtentId, Uint8Array>> {
  const contents = new Map<ExtentId, Uint8Array>();
  for (const entry of await process.table.list(undefined, 1000)) {
    contents.set(entry.id, contentOf(machine, entry));
  }
  return contents;
}

/** The content of an extent; fails where its members do not agree with each other or with the row. */
export function contentOf(machine: TestMachine, { id, row }: ExtentEntry): Uint8Array {
  const { scheme, layout } = row;
  const files = row.members.map(({ disk }) => {
    return must(fileOf(machine, id, { disk, layout }), `extent ${id} has the file of a member`);
  });
  if (scheme.kind === "replicated") {
    const bodies = files.map((file) => bodyOf(file, row.length));
    const [first] = bodies;
    assert(first !== undefined, "an extent has members");
    assert(
      bodies.every((body) => equalBytes(body, first)),
      `copies of extent ${id} differ`,
    );
    return first;
  }
  return contentOfShards(scheme, row.length, files);
}

function contentOfShards(
  scheme: ShardScheme,
  length: number,
  files: readonly Uint8Array[],
): Uint8Array {
  const { shardBytes, contentBytes, fileBytes } = shardGeometry(scheme, length);
  const shards = files.map((file) => bodyOf(file, extentHeaderBytes + shardBytes));
  assert(
    files.every(({ length }) => length === fileBytes),
    "a shard has another length",
  );
  const { coefficients } = codeOf(scheme).encoding;
  const parities = coefficients.map(() => new Uint8Array(shardBytes));
  plainCombiner.combine(parities, shards.slice(0, scheme.data), coefficients);
  const isParity = (shard: Uint8Array, i: number): boolean => equalBytes(shard, parities[i]!);
  assert(shards.slice(scheme.data).every(isParity), "a parity is not that of the data");
  return concatBytes(shards.slice(0, scheme.data)).subarray(0, contentBytes);
}

function bodyOf(file: Uint8Array | undefined, end: number): Uint8Array {
  return must(file, "a file").subarray(extentHeaderBytes, end);
}

/** The paths of files that rows state, and of those on the disks. */
export async function filePaths(
  machine: TestMachine,
  process: TestProcess,
): Promise<{ readonly stated: readonly string[]; readonly found: readonly string[] }> {
  const stated: string[] = [];
  for (const { id, row } of await process.table.list(undefined, 1000)) {
    for (const { disk, layout } of filesOf(row)) {
      stated.push(`${memoryDiskOf(machine, disk).name}/${extentPath(id, layout)}`);
    }
  }
  const found = machine.memoryDisks.flatMap(({ name, files }) =>
    [...files.keys()].filter((path) => path.endsWith(".extent")).map((path) => `${name}/${path}`),
  );
  return { stated: stated.sort(), found: found.sort() };
}

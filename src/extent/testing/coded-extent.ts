import { codeOf } from "../../erasure/codes.ts";
import { encodeExtentHeader } from "../../format/extent-header.ts";
import type { MemberOnDisk, ShardScheme } from "../../format/extent-row.ts";
import type { ExtentId } from "../../format/ids.ts";
import { blockBytes, extentHeaderBytes } from "../../format/limits.ts";
import { encodeShardTable, shardGeometry, shardRanges } from "../../format/shard.ts";
import { extentDirectory, extentPath, extentsDirectory } from "../extent-files.ts";
import type { ExtentEntry } from "../extent-table.ts";
import { must } from "../../base/assert.ts";
import type { TestStore } from "./test-store.ts";

/**
 * Makes shards of an extent that was written as one copy, and makes its row mean them: what
 * encoding does in the end, without its care. The copy goes. Shard i is on disk i.
 */
export async function encodeExtent(
  store: TestStore,
  id: ExtentId,
  scheme: ShardScheme,
): Promise<ExtentEntry> {
  const entry = must(await store.table.get(id), "no such extent");
  const from = must(
    store.memoryDisks.find((disk) => disk.files.has(extentPath(id))),
    "no copy of it",
  );
  const file = from.bytesOf(extentPath(id));
  const layout = entry.row.layout + 1;
  const row = { ...entry.row, scheme, length: file.length, state: "settled" as const, layout };
  const contents = shardContents(store, file.subarray(extentHeaderBytes), scheme);
  const members = contents.map((content, member): MemberOnDisk => {
    const disk = must(store.diskIds[member], "fewer disks than shards");
    const { session, createdMs, epoch } = row;
    const header = { store: store.disks.store, disk, extent: id, scheme, member, layout };
    const rest = { sequence: 0, epoch, session, createdMs };
    const slot = encodeExtentHeader(store.platform.hash, { ...header, ...rest });
    const { bytes: table, checksum: tableChecksum } = tableOf(store, content);
    const shard = new Uint8Array(extentHeaderBytes + content.length + table.length);
    shard.set(slot);
    shard.set(content, extentHeaderBytes);
    shard.set(table, extentHeaderBytes + content.length);
    const target = must(store.memoryDisks[member], "fewer disks than shards");
    target.directories.add(extentsDirectory).add(extentDirectory(id));
    target.replace(extentPath(id, layout), shard);
    return { disk, state: "whole", tableChecksum };
  });
  const replaced = await store.table.replace(entry, { ...row, members });
  if (replaced === "conflict") throw new Error("somebody else changed the row");
  from.files.delete(extentPath(id));
  return replaced;
}

function shardContents(store: TestStore, content: Uint8Array, scheme: ShardScheme): Uint8Array[] {
  const geometry = shardGeometry(scheme, extentHeaderBytes + content.length);
  const { shards, data, encoding } = codeOf(scheme);
  const contents = Array.from({ length: shards }, () => new Uint8Array(geometry.shardBytes));
  let at = 0;
  const end = extentHeaderBytes + content.length;
  for (const { member, ...range } of shardRanges(geometry, extentHeaderBytes, end)) {
    const bytes = content.subarray(at, at + range.end - range.start);
    must(contents[member], "a data shard").set(bytes, range.start);
    at += bytes.length;
  }
  store.platform.combiner.combine(
    contents.slice(data),
    contents.slice(0, data),
    encoding.coefficients,
  );
  return contents;
}

function tableOf(store: TestStore, content: Uint8Array) {
  const { hash } = store.platform;
  const blocks = Array.from({ length: Math.ceil(content.length / blockBytes) }, (_, block) =>
    hash.blockChecksum(content.subarray(block * blockBytes, (block + 1) * blockBytes)),
  );
  return encodeShardTable(hash, blocks);
}

/** A second and further copies of an extent, on the disks behind the one that has it. */
export async function copyExtent(
  store: TestStore,
  id: ExtentId,
  copies: number,
): Promise<ExtentEntry> {
  const entry = must(await store.table.get(id), "no such extent");
  const from = store.memoryDisks.findIndex((disk) => disk.files.has(extentPath(id)));
  const file = must(store.memoryDisks[from], "no copy of it").bytesOf(extentPath(id));
  const scheme = { kind: "replicated" as const, copies, quorum: Math.ceil((copies + 1) / 2) };
  const { session, createdMs, epoch, layout } = entry.row;
  const members = Array.from({ length: copies }, (_, member): MemberOnDisk => {
    const at = (from + member) % store.memoryDisks.length;
    const disk = must(store.diskIds[at], "fewer disks than copies");
    const names = { store: store.disks.store, disk, extent: id, scheme, member, layout };
    const header = { ...names, sequence: 0, epoch, session, createdMs };
    const copy = file.slice();
    copy.fill(0, 0, extentHeaderBytes);
    copy.set(encodeExtentHeader(store.platform.hash, header));
    const target = must(store.memoryDisks[at], "fewer disks than copies");
    target.directories.add(extentsDirectory).add(extentDirectory(id));
    target.replace(extentPath(id), copy);
    return { disk, state: "whole", tableChecksum: 0 };
  });
  const row = { ...entry.row, scheme, members, length: file.length, state: "settled" as const };
  const replaced = await store.table.replace(entry, row);
  if (replaced === "conflict") throw new Error("somebody else changed the row");
  return replaced;
}

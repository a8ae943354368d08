import { memberOfPath } from "../../extent/extent-files.ts";
import { encodeExtentHeader } from "../../format/extent-header.ts";
import type { DiskId, ExtentId, SessionId, StoreId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { Hash } from "../../platform/hash.ts";
import { Inode } from "../disk/inode.ts";
import type { FaultKind, Scene } from "./fault.ts";
import { idOfText } from "../../format/ids.ts";

/** Mostly where files are written: those that are open are the newest. */
const newest = 3;
const aims = [
  { point: "front end: records write", happened: false },
  { point: "front end: records write", happened: true },
  { point: "front end: records sync", happened: false },
  { point: "front end: records sync", happened: true },
  { point: "front end: commit head", happened: false },
  { point: "background: records sync", happened: true },
] as const;

/**
 * Somebody removes an extent's file under the running processes, or puts another in its place: an
 * empty one, or one of another store, which nobody may remove or write to (C9). What was in it may
 * be unreadable afterwards, and nothing else: the machine remembers how much that was.
 */
export const fileRemoved: FaultKind = {
  name: "file removed",
  weight: 2,
  excuses: [],
  plan(random) {
    const aim = random.chance(0.7) ? random.pick(aims) : undefined;
    const replacement = random.chance(0.3) ? random.pick(["empty", "foreign"] as const) : undefined;
    return (scene) => scene.aim(aim, () => removeOne(scene, replacement));
  },
};

function removeOne({ machine, random }: Scene, replacement: "empty" | "foreign" | undefined): void {
  const files = machine.disks.flatMap((disk) =>
    [...disk.files()].flatMap(([path, inode]) => {
      const extent = memberOfPath(path)?.extent;
      const isWritten = extent !== undefined && inode.length > extentHeaderBytes;
      return isWritten ? [{ disk, path, extent, bytes: inode.length }] : [];
    }),
  );
  files.sort((one, other) => one.extent - other.extent);
  const candidates = random.chance(0.7) ? files.slice(-newest) : files;
  if (candidates.length === 0) return;
  const { disk, path, extent, bytes } = random.pick(candidates);
  const inode = replacement && new Inode();
  machine.foreign.delete(`${disk.name}/${path}`);
  if (replacement === "foreign" && inode !== undefined) {
    inode.write(foreignFile(machine.options.hash, extent), 0);
    inode.sync();
    machine.foreign.set(`${disk.name}/${path}`, inode);
  }
  disk.takeAway(path, inode);
  machine.taken.set(extent, Math.max(bytes, machine.taken.get(extent) ?? 0));
}

/**
 * The same extent of another store: nothing but its header, so that a reader of records sees the
 * end of the file.
 */
function foreignFile(hash: Hash, extent: ExtentId): Uint8Array {
  const header = encodeExtentHeader(hash, {
    sequence: 0,
    store: idOfText<StoreId>("f".repeat(32)),
    disk: idOfText<DiskId>("e".repeat(32)),
    extent,
    scheme: { kind: "replicated", copies: 1, quorum: 1 },
    member: 0,
    epoch: 1,
    session: 1 as SessionId, // made up, as all of it
    createdMs: 1,
    layout: 0,
  });
  const file = new Uint8Array(extentHeaderBytes);
  file.set(header);
  return file;
}

import { StoreError } from "../base/errors.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { type DiskId, idBytes, idOfBytes, idText, type StoreId } from "../format/ids.ts";
import {
  decodeStoreIdentity,
  encodeStoreIdentity,
  identityFileBytesMax,
  type StoreIdentity,
  storeIdentityFile,
  storeLockFile,
} from "../format/data-directory.ts";
import { type Disk, isDiskError } from "../platform/disk.ts";
import type { Random } from "../platform/platform.ts";
import { onDisk } from "./disk/disk-error-codes.ts";

/** An identity is written under this name first, so that it is there whole or not at all. */
const unfinishedFile = `${storeIdentityFile}.new`;

/**
 * Names that an empty directory may hold: the root of a fresh file system, or what a crash of ours
 * left.
 */
const harmlessNames: ReadonlySet<string> = new Set(["lost+found", unfinishedFile, storeLockFile]);

/**
 * Makes an empty directory a data directory of a store, or finds that it is one already. Refuses
 * with the fix named: a directory of another store, one of a newer version, and one that holds
 * other things.
 */
export async function initialiseDataDirectory(
  disk: Disk,
  options: { readonly store: StoreId; readonly holdsIndex: boolean },
  random: Random,
): Promise<StoreIdentity> {
  const found = await readIdentity(disk);
  if (found !== undefined) {
    assertOwn(disk, found, options);
    return found;
  }
  const foreign = (await onDisk(disk.list(""))).filter((name) => !harmlessNames.has(name));
  if (foreign.length > 0) {
    const [first] = foreign.sort();
    const fix = `name an empty directory, or restore its ${storeIdentityFile} if it was ours`;
    throw new StoreError("foreign", `${disk.name} is not empty (${first}) and not ours: ${fix}`);
  }
  // 16 random bytes: the disk's place in the world, whatever it is mounted on
  const id = idOfBytes<DiskId>(random.bytes(idBytes));
  const { store, holdsIndex } = options;
  const identity = { store, disk: id, holdsIndex, otherDirectories: [] };
  await onDisk(writeIdentity(disk, identity));
  return identity;
}

/** Reads whose data directory this is; undefined where it has no identity. */
export async function readIdentity(disk: Disk): Promise<StoreIdentity | undefined> {
  const bytes = await onDisk(readWhole(disk, storeIdentityFile, identityFileBytesMax));
  if (bytes === undefined) return undefined;
  return decodeStoreIdentity(decodeUtf8(bytes), `${disk.name}/${storeIdentityFile}`);
}

/**
 * Notes in a data directory where the others are; nothing is written where that stands there. The
 * directory must be the disk that is meant.
 */
export async function noteOtherDirectories(
  disk: Disk,
  id: DiskId,
  otherDirectories: readonly string[],
): Promise<void> {
  const identity = await readIdentity(disk);
  if (identity?.disk !== id) throw new StoreError("missing", `${disk.name} is another disk now`);
  const next = { ...identity, otherDirectories };
  if (encodeStoreIdentity(next) === encodeStoreIdentity(identity)) return;
  await onDisk(writeIdentity(disk, next));
}

/** Notes in a data directory whether it holds the index. The directory must be the disk meant. */
export async function noteHoldsIndex(disk: Disk, id: DiskId, holdsIndex: boolean): Promise<void> {
  const identity = await readIdentity(disk);
  if (identity?.disk !== id) throw new StoreError("missing", `${disk.name} is another disk now`);
  if (identity.holdsIndex !== holdsIndex)
    await onDisk(writeIdentity(disk, { ...identity, holdsIndex }));
}

/** Refuses data directories of different stores, and one that was given twice (or copied). */
export function checkDataDirectories(
  directories: readonly { readonly disk: Disk; readonly identity: StoreIdentity }[],
): void {
  const names = new Map<DiskId, string>();
  const [first] = directories;
  for (const { disk, identity } of directories) {
    if (first !== undefined && identity.store !== first.identity.store) {
      throw new StoreError("foreign", otherStore(disk, identity, first.identity.store));
    }
    const other = names.get(identity.disk);
    if (other !== undefined) {
      const both = `${other} and ${disk.name} are the same data directory, or one is a copy`;
      throw new StoreError("invalid", `${both}: name it once`);
    }
    names.set(identity.disk, disk.name);
  }
}

function assertOwn(
  disk: Disk,
  found: StoreIdentity,
  wanted: { readonly store: StoreId; readonly holdsIndex: boolean },
): void {
  if (found.store !== wanted.store) {
    throw new StoreError("foreign", otherStore(disk, found, wanted.store));
  }
  if (found.holdsIndex !== wanted.holdsIndex) {
    const fix = "name the directory that holds the index first";
    const which = found.holdsIndex ? "holds the index" : "does not hold the index";
    throw new StoreError("invalid", `${disk.name} ${which}: ${fix}`);
  }
}

function otherStore(disk: Disk, found: StoreIdentity, wanted: StoreId): string {
  const fix = "name the directories of one store, or an empty one";
  return `${disk.name} belongs to store ${idText(found.store)}, not to ${idText(wanted)}: ${fix}`;
}

async function writeIdentity(disk: Disk, identity: StoreIdentity): Promise<void> {
  try {
    await disk.remove(unfinishedFile);
  } catch (error) {
    if (!isDiskError(error, "missing")) throw error;
  }
  const file = await disk.open(unfinishedFile, "create");
  try {
    await file.write([encodeUtf8(encodeStoreIdentity(identity))], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(unfinishedFile, storeIdentityFile);
  await disk.syncDirectory("");
}

/**
 * Nearly all identities are shorter. They are read all the time, and a buffer of the limit would
 * cost more than the read.
 */
const firstReadBytes = 4096;

async function readWhole(
  disk: Disk,
  path: string,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  let file;
  try {
    file = await disk.open(path, "read");
  } catch (error) {
    if (isDiskError(error, "missing")) return undefined;
    throw error;
  }
  try {
    const first = new Uint8Array(firstReadBytes);
    const count = await file.read(first, 0);
    if (count < first.length) return first.subarray(0, count);
    const rest = new Uint8Array(bytesMax - count);
    return concatBytes([first, rest.subarray(0, await file.read(rest, count))]);
  } finally {
    await file.close();
  }
}

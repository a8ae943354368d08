import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { StoreError } from "../base/errors.ts";
import type { Hash } from "../platform/hash.ts";
import { ByteReader, ByteWriter } from "./codec.ts";
import { type DiskId, idOfText, idText, type StoreId } from "./ids.ts";

/*
 * The small files at the top of a data directory: whose it is (`holdfast.json`), which generation
 * of the index it has seen (`holdfast.generation`), that the index was seen damaged, and the worker
 * processes that a supervisor started.
 */

/**
 * The file `holdfast.json` at the top of every data directory: whose it is, and which layout it
 * has.
 */
export interface StoreIdentity {
  readonly store: StoreId;
  readonly disk: DiskId;
  /** The first data directory holds the index as well. */
  readonly holdsIndex: boolean;
  /**
   * Where the store's other data directories were mounted last, so that they are known also where
   * the index is lost. A hint: whose each one is, its own file says.
   */
  readonly otherDirectories: readonly string[];
}

/** @limit Bytes for the paths of other directories: some 200 of 40 characters; the rest is left out. */
const otherDirectoriesBytesMax = 28 * 1024;

/** @limit An identity file is about 200 bytes, and the paths. */
export const identityFileBytesMax = 32 * 1024;

export const storeIdentityFile = "holdfast.json";

/** An empty file next to it: the process that holds its lock uses the data directory. */
export const storeLockFile = "holdfast.lock";

/** A file of a block without meaning: it is written to find out whether the disk answers. */
export const diskProbeFile = "holdfast.probe";

/** The version of the layout of a data directory as a whole. 2: the other directories. */
const identityVersion = 2;

export function encodeStoreIdentity(identity: StoreIdentity): string {
  const { store, disk, holdsIndex } = identity;
  const ids = { store: idText(store), disk: idText(disk) };
  const fields = {
    format: "holdfast-data-directory",
    version: identityVersion,
    ...ids,
    holdsIndex,
    otherDirectories: fitting(identity.otherDirectories),
  };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

function fitting(paths: readonly string[]): readonly string[] {
  let bytes = 0;
  return paths.filter((path) => {
    bytes += 3 * JSON.stringify(path).length + 8; // as UTF-8, with indentation
    return bytes <= otherDirectoriesBytesMax;
  });
}

function isIdText(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
}

/**
 * `where` is for messages. A newer layout, or a file that is not ours, is refused with the fix
 * named.
 */
export function decodeStoreIdentity(text: string, where: string): StoreIdentity {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text) as Record<string, unknown>; // every field is checked below
  } catch (cause) {
    throw new StoreError("foreign", notOurs(where), { cause });
  }
  if (fields === null || fields["format"] !== "holdfast-data-directory") {
    throw new StoreError("foreign", notOurs(where));
  }
  if (typeof fields["version"] !== "number" || fields["version"] > identityVersion) {
    const fix = "start the newer version of Holdfast that wrote it";
    const message = `${where}: data directory of version ${String(fields["version"])}: ${fix}`;
    throw new StoreError("unsupported_format", message);
  }
  const { store, disk, holdsIndex } = fields;
  if (!isIdText(store) || !isIdText(disk) || typeof holdsIndex !== "boolean") {
    throw new StoreError("foreign", notOurs(where));
  }
  const { otherDirectories } = fields;
  const isList = Array.isArray(otherDirectories);
  const others = isList ? otherDirectories.filter((path) => typeof path === "string") : [];
  return {
    store: idOfText(store),
    disk: idOfText(disk),
    holdsIndex,
    otherDirectories: others,
  };
}

function notOurs(where: string): string {
  return `${where} is not a Holdfast identity file: give an empty directory, or restore the file`;
}

/*
 * The file `holdfast.generation` of a data directory: the newest generation of the index that this
 * directory has seen. It has two slots, at 0 and 4096: the valid one with the higher generation
 * counts, and the next is written to the other, so a torn write leaves this one. A slot is magic,
 * CRC-32 of what follows the CRC, version, store, disk, generation.
 */
export interface DiskGeneration {
  readonly store: StoreId;
  readonly disk: DiskId;
  readonly generation: number;
}

export const diskGenerationFile = "holdfast.generation";

/** The slots lie so far apart that no device writes both at once. */
const slotStrideBytes = 4096;
export const diskGenerationFileBytes = 2 * slotStrideBytes;

const generationMagic = 0x4846474e; // "HFGN"
const generationVersion = 1;
const slotBytes = 4 + 4 + 1 + 16 + 16 + 8;

/** Where the two slots lie. */
export const diskGenerationOffsets = [0, slotStrideBytes] as const;

export function encodeDiskGeneration(hash: Hash, row: DiskGeneration): Uint8Array {
  const writer = new ByteWriter(slotBytes).u32(generationMagic).u32(0).u8(generationVersion);
  const slot = writer.id(row.store).id(row.disk).u64(row.generation).finish().slice();
  new DataView(slot.buffer).setUint32(4, hash.crc32(slot.subarray(8)));
  return slot;
}

export interface DiskGenerationSlot extends DiskGeneration {
  /** Where it lies, and where the next one goes. */
  readonly offset: number;
  readonly otherOffset: number;
}

/**
 * The generation that the whole file states; undefined where none was ever written, or where the
 * very first was torn: then the other slot is blank. StoreError `corrupt` otherwise.
 */
export function decodeDiskGeneration(
  hash: Hash,
  bytes: Uint8Array,
): DiskGenerationSlot | undefined {
  const [firstOffset, secondOffset] = diskGenerationOffsets;
  const [first, second] = [slotAt(bytes, firstOffset), slotAt(bytes, secondOffset)];
  const [a, b] = [decodeSlot(hash, first), decodeSlot(hash, second)];
  if (b !== undefined && b.generation >= (a?.generation ?? 0)) {
    return { ...b, offset: secondOffset, otherOffset: firstOffset };
  }
  if (a !== undefined) return { ...a, offset: firstOffset, otherOffset: secondOffset };
  if ([first, second].some((slot) => slot.every((byte) => byte === 0))) return undefined;
  throw new StoreError("corrupt", "no valid slot");
}

function slotAt(bytes: Uint8Array, offset: number): Uint8Array {
  return bytes.subarray(offset, offset + slotBytes);
}

function decodeSlot(hash: Hash, slot: Uint8Array): DiskGeneration | undefined {
  if (slot.length < slotBytes) return undefined;
  const reader = new ByteReader(slot, "generation of a data directory");
  if (reader.u32() !== generationMagic || reader.u32() !== hash.crc32(slot.subarray(8)))
    return undefined;
  reader.version(generationVersion);
  return { store: reader.id<StoreId>(), disk: reader.id<DiskId>(), generation: reader.u64() };
}

/**
 * The file at the top of the first data directory that says: the index was seen damaged, and not
 * found good since. That it is there is what counts; what stands in it is for people, and its id
 * for distinguishing one mark from the next.
 */
export const indexDamageFile = "holdfast-index-damage.json";

export interface IndexDamageMark {
  /** An id that is new at each writing. */
  readonly id: string;
  readonly seenMs: number;
  /** The damage that was seen, cut off if the text is long. */
  readonly message: string;
}

/** The length of a mark is always the same, so that one replaces another as a whole. */
export const indexDamageFileBytes = 1024;
/** @limit Characters of a message, so that the mark stays within that. */
const messageCharactersMax = 400;
const damageVersion = 1;

export function encodeIndexDamage({ id, seenMs, message }: IndexDamageMark): Uint8Array {
  // Characters that JSON would escape are replaced, so each character is one byte.
  const plain = message.replaceAll(/[^ -~]|["\\]/g, "?").slice(0, messageCharactersMax);
  const fields = {
    format: "holdfast-index-damage",
    version: damageVersion,
    id,
    seenMs,
    message: plain,
  };
  return encodeUtf8(`${JSON.stringify(fields).padEnd(indexDamageFileBytes - 1)}\n`);
}

/** A mark that cannot be read is still a mark: its id is its text. */
export function decodeIndexDamage(bytes: Uint8Array): IndexDamageMark {
  const text = decodeUtf8(bytes);
  try {
    const { id, seenMs, message } = JSON.parse(text) as Record<string, unknown>; // each is checked
    if (typeof id === "string" && typeof seenMs === "number" && typeof message === "string") {
      return { id, seenMs, message };
    }
  } catch {
    // Torn, or written by hand.
  }
  return { id: text, seenMs: 0, message: "the file cannot be read" };
}

/**
 * A worker process that a supervisor started, so that the next one knows it where it outlives the
 * first.
 */
export interface ListedProcess {
  readonly pid: number;
  /**
   * When it began, in ticks since the machine did. With the process id, no other process has it.
   */
  readonly startTicks: number;
}

/**
 * The file `holdfast.processes` in the first data directory, of which others have a copy: which
 * processes may have the store open.
 */
export interface ProcessList {
  /**
   * Where the numbers mean something: one start of one machine, and one namespace of process ids on
   * it.
   */
  readonly machine: string;
  readonly processes: readonly ListedProcess[];
}

export const processListFile = "holdfast.processes";
export const processListCopyFile = "holdfast.processes.copy";

const processListFormat = "holdfast-processes";
const processListVersion = 1;

export function encodeProcessList({ machine, processes }: ProcessList): string {
  return `${JSON.stringify({ format: processListFormat, version: processListVersion, machine, processes })}\n`;
}

/** Undefined for anything else: a list that cannot be read accuses nobody. */
export function decodeProcessList(text: string): ProcessList | undefined {
  const fields = fieldsOf(text);
  if (fields?.["format"] !== processListFormat || fields["version"] !== processListVersion)
    return undefined;
  const { machine, processes } = fields;
  if (typeof machine !== "string" || !Array.isArray(processes)) return undefined;
  return processes.every(isListed) ? { machine, processes } : undefined;
}

function isListed(value: unknown): value is ListedProcess {
  if (typeof value !== "object" || value === null) return false;
  // An object's fields are its own to look at.
  const { pid, startTicks } = value as Record<string, unknown>;
  return isCount(pid) && pid > 1 && isCount(startTicks);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** The file `holdfast.server` in the first data directory: where its server is reached. */
export interface RunningServer {
  /** The URL from the server's own machine, without a slash at its end. */
  readonly endpoint: string;
  readonly region: string;
}

export const runningServerFile = "holdfast.server";

const runningServerFormat = "holdfast-server";
const runningServerVersion = 1;

export function encodeRunningServer({ endpoint, region }: RunningServer): string {
  const format = { format: runningServerFormat, version: runningServerVersion };
  return `${JSON.stringify({ ...format, endpoint, region })}\n`;
}

/** Undefined for anything else: then the server is not known, as where none runs. */
export function decodeRunningServer(text: string): RunningServer | undefined {
  const fields = fieldsOf(text);
  if (fields?.["format"] !== runningServerFormat || fields["version"] !== runningServerVersion)
    return undefined;
  const { endpoint, region } = fields;
  return typeof endpoint === "string" && typeof region === "string"
    ? { endpoint, region }
    : undefined;
}

/** An object's fields, each to be checked; undefined or null where the text is none. */
function fieldsOf(text: string): Readonly<Record<string, unknown>> | null | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown> | null; // the caller checks each field
  } catch {
    return undefined;
  }
}

import { StoreError } from "../base/errors.ts";
import type { ExtentHeader } from "../format/extent-header.ts";
import type { DiskId, ExtentId, SessionId } from "../format/ids.ts";
import { idText } from "../format/ids.ts";
import { extentHeaderBytes } from "../format/limits.ts";
import type { Disk, DiskFile } from "../platform/disk.ts";
import { isDiskError } from "../platform/disk.ts";
import type { Hash } from "../platform/hash.ts";
import { readIdentity } from "./data-directories.ts";
import { bytesBelow, ContentDigester, type DigestQuestion } from "./digest-tree.ts";
import type { DataDisk } from "./extent-files.ts";
import { extentDirectory, extentPath, extentsDirectory } from "./extent-files.ts";
import type {
  MemberDrop,
  MemberDropped,
  MemberName,
  Members,
  ReadableMember,
  RowHeader,
} from "./extent-member.ts";
import { scanRecords } from "./extent-scan.ts";
import { LocalMember, writeHeader } from "./member/local-member.ts";
import { isUnfinished, mismatchOf, readHeader } from "./member/member-header.ts";

/** @limit Bytes of a member in memory while they are digested. */
const digestedAtOnceBytes = 1024 * 1024;

/** A data directory of this machine. */
export function localDataDisk(hash: Hash, id: DiskId, disk: Disk): DataDisk {
  return { id, disk, members: new LocalMembers(hash, id, disk) };
}

/**
 * The members in a data directory of this machine. This is the one place where a file of an extent
 * is removed (C9): only after its own header proved that it is the file that is meant. Whatever
 * cannot be proved is kept.
 */
export class LocalMembers implements Members {
  readonly #hash: Hash;
  readonly #id: DiskId;
  readonly #disk: Disk;

  constructor(hash: Hash, id: DiskId, disk: Disk) {
    this.#hash = hash;
    this.#id = id;
    this.#disk = disk;
  }

  get name(): string {
    return this.#disk.name;
  }

  async create(header: ExtentHeader): Promise<LocalMember> {
    const directory = extentDirectory(header.extent);
    // Another process may have made a directory and not synced it yet, so each is synced every
    // time.
    await this.#disk.makeDirectory(extentsDirectory);
    await this.#disk.syncDirectory("");
    await this.#disk.makeDirectory(directory);
    await this.#disk.syncDirectory(extentsDirectory);
    const file = await this.#disk.open(extentPath(header.extent, header.layout), "create");
    try {
      await writeHeader(this.#hash, file, header);
      // holds: C1 new-file-in-its-directory
      await this.#disk.syncDirectory(directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new LocalMember(this.#hash, file, header);
  }

  async open(expected: RowHeader): Promise<LocalMember | "absent" | { readonly doubt: string }> {
    const file = await this.#openIfThere(expected, "write");
    if (file === undefined) return "absent";
    let doubt: string | undefined;
    try {
      doubt = await doubtOf(this.#hash, file, expected);
      if (doubt === undefined) return new LocalMember(this.#hash, file, expected);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return { doubt };
  }

  openForReading(name: MemberName): Promise<ReadableMember> {
    return this.#disk.open(extentPath(name.extent, name.layout), "read");
  }

  async digests(name: MemberName, question: DigestQuestion): Promise<readonly number[]> {
    const { start, end } = bytesBelow(question);
    const digester = new ContentDigester(this.#hash);
    const file = await this.openForReading(name);
    try {
      const buffer = new Uint8Array(Math.min(digestedAtOnceBytes, end - start));
      for (let at = start; at < end;) {
        const found = await file.read(buffer.subarray(0, end - at), at);
        if (found === 0) break;
        digester.add(buffer.subarray(0, found));
        at += found;
      }
    } finally {
      await file.close();
    }
    return digester.finish(question.level);
  }

  async drop(drop: MemberDrop): Promise<MemberDropped> {
    const found = await this.#look(drop);
    if (found === "absent") {
      if (drop.sync !== "if there") await this.#unlink(drop.expected);
      return { outcome: "absent" };
    }
    const { bytes, doubt } = found;
    // holds: C9 header-proved-before-removal
    if (doubt !== undefined) return { outcome: "kept", bytes, why: doubt };
    await this.#unlink(drop.expected);
    return { outcome: "removed", bytes };
  }

  folders(): Promise<string[]> {
    return this.pathsIn(extentsDirectory);
  }

  async pathsIn(folder: string): Promise<string[]> {
    try {
      return (await this.#disk.list(folder)).map((name) => `${folder}/${name}`);
    } catch (error) {
      if (isDiskError(error, "missing")) return [];
      throw error;
    }
  }

  async assertPresent(): Promise<void> {
    const identity = await readIdentity(this.#disk);
    if (identity?.disk === this.#id) return;
    const what =
      identity === undefined ? "has no identity file" : `is disk ${idText(identity.disk)} now`;
    const fix = `mount the disk with id ${idText(this.#id)} there`;
    throw new StoreError("missing", `${this.name} ${what}: ${fix}`);
  }

  async #openIfThere(name: MemberName, mode: "read" | "write"): Promise<DiskFile | undefined> {
    try {
      return await this.#disk.open(extentPath(name.extent, name.layout), mode);
    } catch (error) {
      if (isDiskError(error, "missing")) return undefined;
      throw error;
    }
  }

  async #look({
    expected,
    bytesMax = Number.POSITIVE_INFINITY,
  }: MemberDrop): Promise<"absent" | { readonly bytes: number; readonly doubt?: string }> {
    const file = await this.#openIfThere(expected, "read");
    if (file === undefined) return "absent";
    try {
      const bytes = await file.size();
      const header = await readHeader(this.#hash, file);
      if (header === undefined) {
        const isNothing = await isUnfinished(this.#hash, file, expected);
        return isNothing ? { bytes } : { bytes, doubt: "its header cannot be read" };
      }
      const mismatch = mismatchOf(header, expected);
      if (mismatch !== undefined) return { bytes, doubt: mismatch };
      if (header.epoch > expected.epoch) {
        const doubt = `its header says epoch ${header.epoch}, the index knows ${expected.epoch}`;
        return { bytes, doubt };
      }
      if (bytes <= bytesMax) return { bytes };
      return { bytes, doubt: `it has ${bytes} bytes, and nothing but a header should be in it` };
    } finally {
      await file.close();
    }
  }

  /**
   * Removes whatever file has the member's name, durably; it is no error if there is none, and then
   * the name is synced all the same: a crash may have come before that.
   */
  async #unlink(name: MemberName): Promise<void> {
    try {
      await this.#disk.remove(extentPath(name.extent, name.layout));
    } catch (error) {
      if (!isDiskError(error, "missing")) throw error;
    }
    try {
      await this.#disk.syncDirectory(extentDirectory(name.extent));
    } catch (error) {
      // Not even the directory was made.
      if (!isDiskError(error, "missing")) throw error;
    }
  }
}

/**
 * The reason to doubt that this is the expected file. Records name their extent and session, so
 * they prove it where both header slots have gone bad; a file with nothing in it is as good as
 * none.
 */
async function doubtOf(
  hash: Hash,
  file: DiskFile,
  expected: RowHeader,
): Promise<string | undefined> {
  const header = await readHeader(hash, file);
  if (header !== undefined) return mismatchOf(header, expected);
  if (await isUnfinished(hash, file, expected)) return undefined;
  if (await holdsRecordOf(hash, file, expected.extent, expected.session)) return undefined;
  return "neither its header nor a record of its writer can be read";
}

async function holdsRecordOf(
  hash: Hash,
  file: DiskFile,
  extent: ExtentId,
  session: SessionId,
): Promise<boolean> {
  const scan = scanRecords({ platform: { hash }, file, extent, from: extentHeaderBytes });
  for await (const seen of scan) {
    if (seen.kind === "record" && seen.header.session === session) return true;
  }
  return false;
}

import type { Ready } from "../../base/ready.ts";
import { StoreError } from "../../base/errors.ts";
import type { ExtentHeader } from "../../format/extent-header.ts";
import { encodeExtentHeader, extentHeaderSlotOffset } from "../../format/extent-header.ts";
import type { ExtentId } from "../../format/ids.ts";
import { extentHeaderBytes } from "../../format/limits.ts";
import type { DiskFile } from "../../platform/disk.ts";
import type { Hash } from "../../platform/hash.ts";
import type { ExtentMember } from "../extent-member.ts";
import { MemberLost } from "../extent-member.ts";
import { currentHeader, readHeader } from "./member-header.ts";

/**
 * A member in a data directory of this machine. Several processes may have its file open, its
 * writer and the process that took that for dead: so the epoch is what the file's header says.
 */
export class LocalMember implements ExtentMember {
  readonly #hash: Hash;
  readonly #file: DiskFile;
  /** The fields of its header, without sequence and epoch. */
  readonly #identity: Omit<ExtentHeader, "sequence" | "epoch">;
  /** The highest that was seen. */
  #epoch: number;

  /** Its file is open for writing, and has this header. */
  constructor(hash: Hash, file: DiskFile, header: Omit<ExtentHeader, "sequence">) {
    this.#hash = hash;
    this.#file = file;
    this.#identity = header;
    this.#epoch = header.epoch;
  }

  async append(epoch: number, offset: number, vectors: readonly Uint8Array[]): Promise<void> {
    if (epoch !== this.#epoch) throw fenced(this.#identity.extent);
    // holds: C1 synced-once
    await this.#file.writeDurably(vectors, offset);
    // A process that seals raises the epoch first and looks for records then: if it is still this
    // one after the sync, they find these.
    const slots = new Uint8Array(extentHeaderBytes);
    const found = this.#file.isInPlace(slots);
    const isInPlace = found instanceof Promise ? await found : found;
    const { extent } = this.#identity;
    const header = currentHeader(this.#hash, slots);
    if (header === undefined) {
      throw new MemberLost("damaged", `extent ${extent}: its header can't be read any more`);
    }
    this.#epoch = header.epoch;
    if (header.epoch !== epoch) throw fenced(extent);
    // Bytes of a file without a name are gone with the last process that has it open.
    // holds: C1 still-in-place-after-sync
    if (!isInPlace) {
      const why = "its file was removed, replaced or moved while it was written";
      throw new MemberLost("missing", `extent ${extent}: ${why}`);
    }
  }

  read(buffer: Uint8Array, offset: number): Promise<number> {
    return this.#file.read(buffer, offset);
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  isInPlace(): Ready<boolean> {
    return this.#file.isInPlace();
  }

  async seal(epoch: number): Promise<void> {
    const current = await readHeader(this.#hash, this.#file);
    if (current !== undefined && current.epoch > epoch) {
      const why = `a later process has sealed it (epoch ${current.epoch})`;
      throw new StoreError("fenced", `extent ${this.#identity.extent}: ${why}`);
    }
    const sequence = (current?.sequence ?? 0) + 1;
    await writeHeader(this.#hash, this.#file, { ...this.#identity, sequence, epoch });
    // Both slots are spoiled, and the one that is written next would stay so.
    const next = { ...this.#identity, sequence: sequence + 1, epoch };
    if (current === undefined) await writeHeader(this.#hash, this.#file, next);
    this.#epoch = epoch;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function fenced(extent: ExtentId): StoreError {
  const why = "another process sealed it, because this one seemed to be dead";
  return new StoreError("fenced", `extent ${extent}: ${why}`);
}

/** Writes and syncs the slot that the header's sequence number names. */
export async function writeHeader(hash: Hash, file: DiskFile, header: ExtentHeader): Promise<void> {
  const slot = encodeExtentHeader(hash, header);
  await file.write([slot], extentHeaderSlotOffset(header.sequence));
  await file.sync();
}

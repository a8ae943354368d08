import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { BufferPool } from "../../base/buffers.ts";
import { afterBytes, firstBytes, gatherBytes, lengthOf } from "./byte-vectors.ts";

/**
 * Direct writes must be multiples of this, in file and memory: the largest block of disks and file
 * systems, and the page of most processors, so that no page is written both directly and through
 * the cache.
 */
export const directBlockBytes = 4096;
/**
 * @limit Copied and written at once: it stays in the processor's cache, and the event loop is held
 * for half a millisecond.
 */
const stepBytes = 1024 * 1024;
/** @limit 2 MiB a disk: a batch of large records, and the copies of a compaction. */
const writeBuffersKeptMax = 2;

/** The buffers that a disk's direct writes pass through, one for each that is under way. */
export function createWriteBuffers(): BufferPool {
  return new BufferPool({
    bufferBytes: stepBytes,
    keptMax: writeBuffersKeptMax,
    // WebAssembly's memory is the only one in JavaScript that is known to begin at a page.
    create(bytes) {
      const pages = bytes / 65_536;
      return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
    },
  });
}

/**
 * A file that is written past the page cache (O_DIRECT). For much at once that is cheaper, though
 * bytes are copied once to where they are aligned: the kernel neither copies them into fresh pages
 * nor has to find and write these later. Whole blocks in the memory that threads share, as shards
 * are, are written from where they lie.
 */
export class DirectFile {
  readonly #handle: FileHandle;
  readonly #buffers: BufferPool;

  private constructor(handle: FileHandle, buffers: BufferPool) {
    this.#handle = handle;
    this.#buffers = buffers;
  }

  /** Undefined where the system or this file's does not know direct writes. */
  static async open(path: string, buffers: BufferPool): Promise<DirectFile | undefined> {
    // Other systems than Linux have no such flag, whatever the types say.
    const flag = constants.O_DIRECT as number | undefined;
    if (flag === undefined) return undefined;
    try {
      return new DirectFile(await open(path, constants.O_RDWR | flag), buffers);
    } catch {
      return undefined; // a real failure shows in the write that takes the usual way
    }
  }

  /**
   * Writes whole blocks at a block's beginning. `unsupported`: nothing is known of what is there
   * now.
   */
  async write(vectors: readonly Uint8Array[], offset: number): Promise<"written" | "unsupported"> {
    let buffer: Uint8Array | undefined;
    try {
      let at = offset;
      for (let rest = vectors; rest.length > 0;) {
        let step = alignedStart(rest[0]);
        if (step === undefined) {
          const gathered = firstBytes(rest, stepBytes);
          buffer ??= this.#buffers.take();
          gatherBytes(gathered, buffer);
          step = buffer.subarray(0, lengthOf(gathered));
        }
        await this.#writeStep(step, at);
        at += step.length;
        rest = afterBytes(rest, step.length);
      }
      return "written";
    } catch (error) {
      if (isUnsupported(error)) return "unsupported";
      throw error;
    } finally {
      if (buffer !== undefined) this.#buffers.give(buffer);
    }
  }

  stat(): Promise<BigIntStats> {
    return this.#handle.stat({ bigint: true });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #writeStep(bytes: Uint8Array, offset: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const left = bytes.length - done;
      const { bytesWritten } = await this.#handle.write(bytes, done, left, offset + done);
      if (bytesWritten === 0) throw new Error("nothing was written");
      done += bytesWritten;
    }
  }
}

/** The whole blocks that a vector begins with, where they can be written from where they are. */
function alignedStart(vector: Uint8Array | undefined): Uint8Array | undefined {
  if (vector === undefined || !(vector.buffer instanceof SharedArrayBuffer)) return undefined;
  const bytes = Math.floor(vector.length / directBlockBytes) * directBlockBytes;
  const isAligned = vector.byteOffset % directBlockBytes === 0;
  return isAligned && bytes > 0 ? vector.subarray(0, bytes) : undefined;
}

/** The file system wants other blocks, or there was no aligned memory. */
function isUnsupported(error: unknown): boolean {
  return (
    error instanceof RangeError ||
    (error instanceof Error && "code" in error && error.code === "EINVAL")
  );
}

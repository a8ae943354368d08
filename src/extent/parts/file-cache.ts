import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { DiskFile } from "../../platform/disk.ts";

interface CachedFile {
  readonly opening: Promise<DiskFile>;
  users: number;
  usedMs: number;
}

/**
 * A removed extent's space comes back only when nobody holds it open: an unused file is closed
 * after this.
 */
const idleMsMax = 30_000;

export interface FileCacheOptions {
  readonly clock: Clock;
  /**
   * Files kept open while nobody uses them; those in use come on top, bounded by whoever uses them.
   */
  readonly filesMax: number;
  readonly open: (extent: ExtentId) => Promise<DiskFile>;
}

/**
 * Open extent files: the least recently used is closed first, and none stays open that nobody uses.
 */
export class FileCache {
  readonly #options: FileCacheOptions;
  /** In order of last use: a Map keeps the order of insertion, and each use inserts anew. */
  readonly #files = new Map<ExtentId, CachedFile>();
  readonly #closing = new AbortController();
  #sweeper: Promise<void> | undefined;

  constructor(options: FileCacheOptions) {
    this.#options = options;
  }

  /** Runs `task` with the extent's file; throws what opening it or the task throws. */
  async use<T>(extent: ExtentId, task: (file: DiskFile) => Promise<T>): Promise<T> {
    const cached = this.#touch(extent);
    cached.users++;
    try {
      return await task(await cached.opening);
    } catch (error) {
      // The file may have gone or moved: the next use looks again.
      this.#forget(extent, cached);
      throw error;
    } finally {
      cached.users--;
      await this.#closeIfUnused(extent, cached);
      await this.#trim();
    }
  }

  /** Files in use are closed when their last user is done. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sweeper;
    await this.#closeWhere(() => true);
  }

  get filesOpen(): number {
    return this.#files.size;
  }

  #touch(extent: ExtentId): CachedFile {
    const known = this.#files.get(extent);
    const usedMs = this.#options.clock.monotonicMs();
    const cached = known ?? { opening: this.#options.open(extent), users: 0, usedMs };
    cached.usedMs = usedMs;
    this.#files.delete(extent);
    this.#files.set(extent, cached);
    this.#sweeper ??= this.#sweep();
    return cached;
  }

  #forget(extent: ExtentId, cached: CachedFile): void {
    if (this.#files.get(extent) === cached) this.#files.delete(extent);
  }

  async #closeIfUnused(extent: ExtentId, cached: CachedFile): Promise<void> {
    if (cached.users > 0 || this.#files.get(extent) === cached) return;
    // Whoever used it was told why it did not open; and closing a file that was only read loses
    // nothing.
    const file = await cached.opening.catch(() => undefined);
    await file?.close().catch(() => undefined);
  }

  async #closeWhere(unwanted: (cached: CachedFile) => boolean): Promise<void> {
    for (const [extent, cached] of Array.from(this.#files)) {
      if (cached.users > 0 || !unwanted(cached)) continue;
      this.#forget(extent, cached);
      await this.#closeIfUnused(extent, cached);
    }
  }

  async #trim(): Promise<void> {
    let excess = this.#files.size - this.#options.filesMax;
    if (excess > 0) await this.#closeWhere(() => excess-- > 0);
  }

  /** Runs while any file is open. */
  async #sweep(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (this.#files.size > 0 && !signal.aborted) {
      await clock.sleep(idleMsMax, signal);
      const before = clock.monotonicMs() - idleMsMax;
      await this.#closeWhere((cached) => cached.usedMs <= before);
    }
    this.#sweeper = undefined;
  }
}

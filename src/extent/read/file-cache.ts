import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import type { ReadableMember } from "../extent-member.ts";

/** An extent's file while somebody uses it. */
export interface HeldFile {
  readonly extent: ExtentId;
  readonly opening: Promise<ReadableMember>;
  /** The file, once it is open. */
  opened: ReadableMember | undefined;
  users: number;
  usedMs: number;
}

/**
 * @limit A removed extent's space comes back only when nobody holds it open: an unused file is
 * closed after this.
 */
const idleMsMax = 30_000;

export interface FileCacheOptions {
  readonly clock: Clock;
  /**
   * Files kept open while nobody uses them; those in use come on top, bounded by their users.
   */
  readonly filesMax: number;
  readonly open: (extent: ExtentId) => Promise<ReadableMember>;
}

/**
 * Open extent files: the least recently used is closed first, and none stays open that nobody uses.
 */
export class FileCache {
  readonly #options: FileCacheOptions;
  /** The files by last use: a Map keeps the order of insertion, and each use inserts again. */
  readonly #files = new Map<ExtentId, HeldFile>();
  readonly #closing = new AbortController();
  readonly #closes = new Set<Promise<void>>();
  #sweeper: Promise<void> | undefined;

  constructor(options: FileCacheOptions) {
    this.#options = options;
  }

  /** The extent's file, open or being opened; `release` ends its use. */
  hold(extent: ExtentId): HeldFile {
    const known = this.#files.get(extent);
    const file = known ?? this.#open(extent);
    file.users++;
    file.usedMs = this.#options.clock.monotonicMs();
    if (known !== undefined) this.#files.delete(extent);
    this.#files.set(extent, file);
    this.#sweeper ??= this.#sweep();
    return file;
  }

  /** The next user opens it again. */
  forget(file: HeldFile): void {
    if (this.#files.get(file.extent) === file) this.#files.delete(file.extent);
  }

  release(file: HeldFile): void {
    file.users--;
    this.#closeIfUnused(file);
    let excess = this.#files.size - this.#options.filesMax;
    if (excess > 0) this.#closeWhere(() => excess-- > 0);
  }

  /** Files in use are closed when their last user is done. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sweeper;
    this.#closeWhere(() => true);
    await Promise.all(this.#closes);
  }

  #open(extent: ExtentId): HeldFile {
    const opening = this.#options.open(extent);
    const file: HeldFile = { extent, opening, opened: undefined, users: 0, usedMs: 0 };
    opening.then(
      (opened) => (file.opened = opened),
      () => undefined, // its users get the failure
    );
    return file;
  }

  #closeIfUnused(file: HeldFile): void {
    if (file.users > 0 || this.#files.get(file.extent) === file) return;
    const closed = close(file).finally(() => this.#closes.delete(closed));
    this.#closes.add(closed);
  }

  #closeWhere(unwanted: (file: HeldFile) => boolean): void {
    for (const file of Array.from(this.#files.values())) {
      if (file.users > 0 || !unwanted(file)) continue;
      this.forget(file);
      this.#closeIfUnused(file);
    }
  }

  /** Runs while any file is open. */
  async #sweep(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (this.#files.size > 0 && !signal.aborted) {
      await clock.sleep(idleMsMax, signal);
      const before = clock.monotonicMs() - idleMsMax;
      this.#closeWhere((file) => file.usedMs <= before);
    }
    this.#sweeper = undefined;
  }
}

/**
 * Its users got the reason why it did not open; and closing a file that was only read loses
 * nothing.
 */
async function close({ opening }: HeldFile): Promise<void> {
  const file = await opening.catch(() => undefined);
  await file?.close().catch(() => undefined);
}

import type { ExtentId } from "../../format/ids.ts";
import type { Clock } from "../../platform/platform.ts";
import type { OpenedExtent, OpenFiles } from "./opened-extent.ts";

/** An extent while somebody reads from it. */
export interface HeldExtent {
  readonly extent: ExtentId;
  readonly opening: Promise<OpenedExtent>;
  /** The extent, once its row was read. */
  opened: OpenedExtent | undefined;
  users: number;
  usedMs: number;
  readonly openedMs: number;
}

/**
 * @limit A removed file's space comes back only when nobody holds it open: the files of an extent
 * that is not read from are closed after this, and its row is read again before the next read. One
 * that is read from all the time is opened anew after this, too: its members may be others by then.
 */
const idleMsMax = 30_000;

export interface ExtentCacheOptions {
  readonly clock: Clock;
  readonly files: OpenFiles;
  /**
   * Files kept open while nobody uses them; those in use come on top, bounded by their users.
   */
  readonly filesMax: number;
  readonly open: (extent: ExtentId) => Promise<OpenedExtent>;
}

/**
 * Extents with their rows and open files: the files of the least recently used are closed first,
 * and none stays open that nobody uses.
 */
export class ExtentCache {
  readonly #options: ExtentCacheOptions;
  /** The extents by last use: a Map keeps the order of insertion, and each use inserts again. */
  readonly #extents = new Map<ExtentId, HeldExtent>();
  readonly #closing = new AbortController();
  readonly #closes = new Set<Promise<void>>();
  #sweeper: Promise<void> | undefined;

  constructor(options: ExtentCacheOptions) {
    this.#options = options;
  }

  /** The extent, open or being opened; `release` ends its use. */
  hold(extent: ExtentId): HeldExtent {
    const known = this.#extents.get(extent);
    const held = known ?? this.#open(extent);
    held.usedMs = this.#options.clock.monotonicMs();
    this.retain(held);
    if (known !== undefined) this.#extents.delete(extent);
    this.#extents.set(extent, held);
    this.#sweeper ??= this.#sweep();
    return held;
  }

  /** One more user of an extent that is held, which releases it for itself. */
  retain(held: HeldExtent): void {
    held.users++;
  }

  /** The next user opens it again. */
  forget(held: HeldExtent): void {
    if (this.#extents.get(held.extent) === held) this.#extents.delete(held.extent);
  }

  release(held: HeldExtent): void {
    held.users--;
    this.#closeIfUnused(held);
    const { files, filesMax } = this.#options;
    if (files.count > filesMax) this.#closeWhere(() => files.count > filesMax);
  }

  /** Extents in use are closed when their last user is done. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sweeper;
    for (const held of Array.from(this.#extents.values())) {
      this.forget(held);
      this.#closeIfUnused(held);
    }
    await Promise.all(this.#closes);
  }

  #open(extent: ExtentId): HeldExtent {
    const opening = this.#options.open(extent);
    const openedMs = this.#options.clock.monotonicMs();
    const held: HeldExtent = { extent, opening, opened: undefined, users: 0, usedMs: 0, openedMs };
    opening.then(
      (opened) => (held.opened = opened),
      () => undefined, // its users get the failure
    );
    return held;
  }

  #closeIfUnused(held: HeldExtent): void {
    if (held.users > 0 || this.#extents.get(held.extent) === held) return;
    // Without a wait where it is open: then its files count no more.
    const closing = held.opened?.close() ?? closeOpening(held);
    const closed = closing.finally(() => this.#closes.delete(closed));
    this.#closes.add(closed);
  }

  #closeWhere(unwanted: (held: HeldExtent) => boolean): void {
    for (const held of Array.from(this.#extents.values())) {
      if (held.users > 0 || !unwanted(held)) continue;
      this.forget(held);
      this.#closeIfUnused(held);
    }
  }

  /** The next users of extents that were opened before this open them again. */
  #renew(beforeMs: number): void {
    for (const held of Array.from(this.#extents.values())) {
      if (held.openedMs > beforeMs) continue;
      this.forget(held);
      this.#closeIfUnused(held);
    }
  }

  /** Runs while any extent is held. */
  async #sweep(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#closing;
    while (this.#extents.size > 0 && !signal.aborted) {
      await clock.sleep(idleMsMax, signal);
      const before = clock.monotonicMs() - idleMsMax;
      this.#closeWhere((held) => held.usedMs <= before);
      this.#renew(before);
    }
    this.#sweeper = undefined;
  }
}

/** Its users got the reason why it did not open. */
async function closeOpening({ opening }: HeldExtent): Promise<void> {
  const extent = await opening.catch(() => undefined);
  await extent?.close();
}

import { toHex } from "../base/bytes.ts";
import { isStoreError, messageOf, type StoreError } from "../base/errors.ts";
import {
  decodeIndexDamage,
  encodeIndexDamage,
  indexDamageFile,
  indexDamageFileBytes,
  type IndexDamageMark,
} from "../format/data-directory.ts";
import { type Disk, type DiskFile, isDiskError } from "../platform/disk.ts";
import type { Platform } from "../platform/platform.ts";
import type { Engine, EngineReader, ScanOptions } from "./engine.ts";

/*
 * The record of damage in the index. An index that is damaged in one place may be in others: a row
 * that cannot be found makes an object's bytes look dead. So a process that meets damage leaves a
 * mark on the disk, and nothing that removes bytes, or counts them dead, is done for as long as it
 * is there (C9). It goes when a verification of the whole index that began after the last sight of
 * damage found nothing.
 */

/** @limit A mark that this process wrote so lately is not written again. */
const markMs = 1000;
/**
 * @limit Different messages that get a line in the log, in the life of a process; all are counted.
 */
const messagesLoggedMax = 100;

export interface IndexDamageStatistics {
  /** Reads, commits and verifications that met damage. */
  readonly seen: number;
  /** Rows that listings left out. */
  readonly rowsSkipped: number;
}

export class IndexDamage {
  readonly #platform: Platform;
  readonly #disk: Disk;
  readonly #logged = new Set<string>();
  #seen = 0;
  #rowsSkipped = 0;
  #writtenMs = Number.NEGATIVE_INFINITY;
  /** A mark that could not be written yet. */
  #unwritten: IndexDamageMark | undefined;
  #writing: Promise<void> | undefined;

  /** @param disk the first data directory, which holds the index as well. */
  constructor(platform: Platform, disk: Disk) {
    this.#platform = platform;
    this.#disk = disk;
  }

  get statistics(): IndexDamageStatistics {
    return { seen: this.#seen, rowsSkipped: this.#rowsSkipped };
  }

  /** Called when damage was met. The mark is written in the background; `settled` waits for it. */
  seen(message: string): void {
    this.#seen++;
    const { clock, log, random } = this.#platform;
    if (this.#logged.size < messagesLoggedMax && !this.#logged.has(message)) {
      this.#logged.add(message);
      log("error", "index_damaged", { message });
    }
    const nowMs = clock.monotonicMs();
    if (this.#writing !== undefined || nowMs - this.#writtenMs < markMs) return;
    this.#unwritten = { id: toHex(random.bytes(16)), seenMs: clock.now(), message };
    this.#writing = this.#write(this.#unwritten).finally(() => {
      this.#writing = undefined;
    });
  }

  /** Records, as `seen` does, damage in a row that was left out of a listing. */
  skipped(message: string): void {
    this.#rowsSkipped++;
    this.seen(message);
  }

  /** The mark there is, by whatever process; rejects where the disk cannot be read. */
  async mark(): Promise<IndexDamageMark | undefined> {
    await this.settled();
    return this.#unwritten ?? (await this.#read());
  }

  /** Takes this mark away; another one stays. Of the process that verified the index. */
  async clear(mark: IndexDamageMark): Promise<void> {
    if ((await this.mark())?.id !== mark.id) return;
    await this.#disk.remove(indexDamageFile).catch((thrown: unknown) => {
      if (!isDiskError(thrown, "missing")) throw thrown;
    });
    this.#unwritten = undefined;
    await this.#disk.syncDirectory("");
    this.#platform.log("info", "index_damage_cleared", { message: mark.message });
  }

  /** Resolves once nothing is being written. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /**
   * Does not reject: a mark that could not be written stays in this process, and is tried again at
   * the next sight.
   */
  async #write(mark: IndexDamageMark): Promise<void> {
    try {
      const { file, isNew } = await this.#openOrCreate();
      try {
        await file.write([encodeIndexDamage(mark)], 0);
        await file.sync();
      } finally {
        await file.close();
      }
      if (isNew) await this.#disk.syncDirectory("");
      this.#unwritten = undefined;
      this.#writtenMs = this.#platform.clock.monotonicMs();
    } catch (thrown) {
      this.#platform.log("error", "index_damage_not_marked", { message: messageOf(thrown) });
    }
  }

  async #openOrCreate(): Promise<{ readonly file: DiskFile; readonly isNew: boolean }> {
    try {
      return { file: await this.#disk.open(indexDamageFile, "write"), isNew: false };
    } catch (thrown) {
      if (!isDiskError(thrown, "missing")) throw thrown;
    }
    try {
      return { file: await this.#disk.open(indexDamageFile, "create"), isNew: true };
    } catch (thrown) {
      if (!isDiskError(thrown, "exists")) throw thrown;
      return { file: await this.#disk.open(indexDamageFile, "write"), isNew: true };
    }
  }

  async #read(): Promise<IndexDamageMark | undefined> {
    let file: DiskFile;
    try {
      file = await this.#disk.open(indexDamageFile, "read");
    } catch (thrown) {
      if (isDiskError(thrown, "missing")) return undefined;
      throw thrown;
    }
    try {
      const bytes = new Uint8Array(indexDamageFileBytes);
      return decodeIndexDamage(bytes.subarray(0, await file.read(bytes, 0)));
    } finally {
      await file.close();
    }
  }
}

/** The same engine; damage that reads and commits meet is recorded. */
export function watchDamage(engine: Engine, damage: IndexDamage): Engine {
  const note = (thrown: unknown): void => {
    // holds: C8 damage-is-marked
    if (isStoreError(thrown, "corrupt")) damage.seen(thrown.message);
  };
  // The caller gets the engine's own answer: its value, or its promise and not one that ends a turn
  // later.
  const tell = <T>(work: () => T | Promise<T>): T | Promise<T> => {
    try {
      const answer = work();
      if (answer instanceof Promise) void answer.catch(note);
      return answer;
    } catch (thrown) {
      note(thrown);
      throw thrown;
    }
  };
  const watched = (reader: EngineReader): EngineReader => ({
    read: (keys) => tell(() => reader.read(keys)),
    scan: (range, options) => tell(() => reader.scan(range, skipping(options, damage))),
  });
  return {
    ...watched(engine),
    commit(change) {
      const committed = engine.commit(change);
      void committed.catch(note);
      return committed;
    },
    snapshot() {
      const snapshot = engine.snapshot();
      return { ...watched(snapshot), close: () => snapshot.close() };
    },
    statistics: () => engine.statistics(),
    ...(engine.verify === undefined ? {} : { verify: engine.verify.bind(engine) }),
    close: () => engine.close(),
  };
}

function skipping(options: ScanOptions, damage: IndexDamage): ScanOptions {
  const { onDamaged } = options;
  if (onDamaged === undefined) return options;
  const record = (thrown: StoreError): void => {
    damage.skipped(thrown.message);
    onDamaged(thrown);
  };
  return { ...options, onDamaged: record };
}

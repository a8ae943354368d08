import type { Ready } from "../base/ready.ts";
import type { DiskId } from "../format/ids.ts";
import {
  type Disk,
  DiskError,
  type DiskFile,
  type DiskSpace,
  isDiskError,
} from "../platform/disk.ts";
import type { Clock, Service } from "../platform/platform.ts";

/*
 * Counts operations of disks, whoever asks for them: appends, reads, and what repairs. A disk that
 * hangs is found here, once for all who use it: one that leaves an operation without an answer for
 * a while, though other disks answer. Until it has answered all of those, nothing new is asked of
 * it: what would be fails at once. So whoever meets it does without it, as if it were away, and
 * nobody waits for it again and again.
 *
 * What is under way then fails, too, with two exceptions: reads and writes of memory that the
 * caller uses again, since a late answer would still come into it. Those are few, and short of
 * patience themselves (read/timed-member.ts, append/member-appender.ts). What was given up may be
 * done later, but before anything that this process asks after it.
 */

/**
 * @limit An operation that took longer was slow: a disk under load takes a tenth of it, and its
 * clients notice.
 */
const slowMs = 2_000;

/**
 * @limit A disk that leaves an operation without an answer for so long hangs: a disk under load
 * takes a hundredth of it, and one that stalls as long is not missed, since reads go round it.
 */
export const hangingMs = 10_000;

/** @limit Time between looks for disks that hang. */
const lookMs = 1_000;

/**
 * @limit Reads and writes of so many bytes go through memory of their own: the small files of a
 * disk, and headers. Copying them costs a microsecond.
 */
const copiedBytesMax = 32 * 1024;

/** What a process met on a disk since it began. */
export interface DiskCounts {
  readonly operations: number;
  /** Those that failed for a reason that lies in the disk. */
  readonly errors: number;
  readonly slow: number;
  /** How long the oldest operation under way has had no answer. */
  readonly waitingMs: number;
}

/** Observes the disks of a process; while it runs, those that hang are found. */
export class DiskObservations implements Service {
  readonly name = "disk observations";
  readonly #clock: Clock;
  readonly #observed = new Map<DiskId, DiskOperations>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The same disk, observed. What was asked of it at another place is not waited for here. */
  observe(id: DiskId, disk: Disk): Disk {
    const operations = this.#observed.get(id) ?? new DiskOperations(this.#clock);
    this.#observed.set(id, operations);
    operations.beginAt(disk.name);
    return new ObservedDisk(disk, operations);
  }

  countsOf(id: DiskId): DiskCounts | undefined {
    return this.#observed.get(id)?.counts();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(lookMs, signal);
      await this.#clock.turn();
      this.look();
    }
  }

  /** Where no disk answers it is the machine that stands still, and all wait for that. */
  look(): void {
    const all = [...this.#observed.values()];
    const answering = all.filter((one) => one.hasAnsweredLately);
    for (const one of all) one.look(answering.some((other) => other !== one));
  }
}

interface Operation {
  readonly beganMs: number;
  /** Fails it; undefined once it has, and where its memory is the caller's. */
  giveUp: ((error: DiskError) => void) | undefined;
}

/** What is asked of one disk. */
class DiskOperations {
  readonly #clock: Clock;
  #name = "";
  #operations = 0;
  #errors = 0;
  #slow = 0;
  #answeredMs = Number.NEGATIVE_INFINITY;
  /** Those under way, the oldest first. */
  #underWay = new Set<Operation>();
  #wasLate = false;
  #hangs = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get hasAnsweredLately(): boolean {
    return this.#clock.monotonicMs() - this.#answeredMs < hangingMs;
  }

  counts(): DiskCounts {
    const waitingMs = this.#waitingMs();
    return { operations: this.#operations, errors: this.#errors, slow: this.#slow, waitingMs };
  }

  /** The disk is reached there from now on. */
  beginAt(name: string): void {
    this.#giveUp();
    this.#name = name;
    this.#underWay = new Set();
    this.#wasLate = false;
    this.#hangs = false;
  }

  /** @param doOthersAnswer true if another disk does. */
  look(doOthersAnswer: boolean): void {
    const isLate = doOthersAnswer && this.#waitingMs() >= hangingMs;
    // Where this process itself stood still, the answer is there by the second look.
    this.#hangs ||= isLate && this.#wasLate;
    this.#wasLate = isLate;
    if (this.#hangs) this.#giveUp();
  }

  #giveUp(): void {
    const error = this.#noAnswer();
    for (const operation of this.#underWay) {
      operation.giveUp?.(error);
      operation.giveUp = undefined;
    }
  }

  /**
   * Begins an operation, and fails as `no_answer` once the disk hangs: `givenUp` gets what is
   * answered later then.
   */
  ask<T>(begin: () => Promise<T>, givenUp: (answer: Promise<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#hangs) throw this.#noAnswer();
      const giveUp = (error: DiskError): void => {
        reject(error);
        givenUp(answer);
      };
      const answer = this.#count({ beganMs: this.#clock.monotonicMs(), giveUp }, begin());
      answer.then(resolve, reject);
    });
  }

  /** Begins an operation that ends with the answer of the disk only; it fails in the same way. */
  waitFor<T>(begin: () => Promise<T>): Promise<T> {
    // Each append passes here: no promise stands but that of the count.
    if (this.#hangs) return Promise.reject(this.#noAnswer());
    return this.#count({ beganMs: this.#clock.monotonicMs(), giveUp: undefined }, begin());
  }

  /** Begins it also while the disk hangs, and ends without its answer then. */
  async close(begin: () => Promise<void>): Promise<void> {
    const ends = Promise.withResolvers<void>();
    const giveUp = (): void => ends.resolve();
    const closed = this.#count({ beganMs: this.#clock.monotonicMs(), giveUp }, begin());
    closed.then(ends.resolve, ends.reject);
    if (this.#hangs) giveUp();
    await ends.promise;
  }

  async #count<T>(operation: Operation, work: Promise<T>): Promise<T> {
    this.#underWay.add(operation);
    try {
      return await work;
    } catch (error) {
      // A file that is not there, a full or a read-only disk answer as they should.
      if (isDiskError(error, "io")) this.#errors++;
      throw error;
    } finally {
      this.#ended(operation);
    }
  }

  #ended(operation: Operation): void {
    const nowMs = this.#clock.monotonicMs();
    this.#operations++;
    if (nowMs - operation.beganMs > slowMs) this.#slow++;
    // One that was forgotten says nothing of the disk as it is reached now.
    if (!this.#underWay.delete(operation)) return;
    this.#answeredMs = nowMs;
    if (this.#waitingMs() < hangingMs) this.#hangs = false;
  }

  #waitingMs(): number {
    for (const { beganMs } of this.#underWay) return this.#clock.monotonicMs() - beganMs;
    return 0;
  }

  #noAnswer(): DiskError {
    const seconds = Math.round(this.#waitingMs() / 1000);
    return new DiskError("no_answer", `${this.#name}: no answer for ${seconds} seconds`);
  }
}

class ObservedDisk implements Disk {
  readonly #disk: Disk;
  readonly #operations: DiskOperations;

  constructor(disk: Disk, operations: DiskOperations) {
    this.#disk = disk;
    this.#operations = operations;
  }

  get name(): string {
    return this.#disk.name;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const file = await this.#operations.ask(() => this.#disk.open(path, mode), closeUnused);
    return new ObservedFile(file, this.#operations);
  }

  list(directory: string): Promise<string[]> {
    return this.#operations.ask(() => this.#disk.list(directory), nobody);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#operations.ask(() => this.#disk.makeDirectory(path), nobody);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#operations.ask(() => this.#disk.rename(from, to), nobody);
  }

  remove(path: string): Promise<void> {
    return this.#operations.ask(() => this.#disk.remove(path), nobody);
  }

  syncDirectory(path: string): Promise<void> {
    return this.#operations.ask(() => this.#disk.syncDirectory(path), nobody);
  }

  space(): Promise<DiskSpace> {
    return this.#operations.ask(() => this.#disk.space(), nobody);
  }
}

function nobody(answer: Promise<unknown>): void {
  answer.catch(() => undefined);
}

/** Who opened it has given up. */
function closeUnused(opening: Promise<DiskFile>): void {
  opening.then((file) => file.close()).catch(() => undefined);
}

class ObservedFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #operations: DiskOperations;
  /** What was given up, and may still be under way: the file stays open until it has ended. */
  readonly #givenUp: Promise<unknown>[] = [];

  constructor(file: DiskFile, operations: DiskOperations) {
    this.#file = file;
    this.#operations = operations;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const { length } = buffer;
    if (length > copiedBytesMax) {
      return this.#operations.waitFor(() => this.#file.read(buffer, offset));
    }
    const own = new Uint8Array(length);
    const bytes = await this.#ask(() => this.#file.read(own, offset));
    buffer.set(own.subarray(0, bytes));
    return bytes;
  }

  write(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    const bytes = vectors.reduce((sum, { length }) => sum + length, 0);
    if (bytes > copiedBytesMax) {
      return this.#operations.waitFor(() => this.#file.write(vectors, offset));
    }
    const own = vectors.map((vector) => vector.slice());
    return this.#ask(() => this.#file.write(own, offset));
  }

  sync(): Promise<void> {
    return this.#ask(() => this.#file.sync());
  }

  writeDurably(vectors: readonly Uint8Array[], offset: number): Promise<void> {
    return this.#operations.waitFor(() => this.#file.writeDurably(vectors, offset));
  }

  size(): Promise<number> {
    return this.#ask(() => this.#file.size());
  }

  isInPlace(head?: Uint8Array): Ready<boolean> {
    return this.#file.isInPlace(head);
  }

  close(): Promise<void> {
    return this.#operations.close(async () => {
      // Its number would go to another file, which a late write would reach.
      // holds: C9 late-write-into-its-own-file
      await Promise.allSettled(this.#givenUp);
      await this.#file.close();
    });
  }

  #ask<T>(begin: () => Promise<T>): Promise<T> {
    return this.#operations.ask(begin, (answer) => void this.#givenUp.push(answer));
  }
}

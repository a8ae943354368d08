import { StoreError } from "../../base/errors.ts";
import type { Clock } from "../../platform/platform.ts";
import { within } from "../../platform/within.ts";
import { onDisk } from "../disk/disk-error-codes.ts";
import { readFailure } from "../disk/unreadable-bytes.ts";
import type { ReadableMember } from "../extent-member.ts";

/**
 * @limit Whoever looks into a whole extent waits so long for an answer of a member, and then goes
 * on without it: three times as long as a disk may stall and be well again.
 */
export const answerMsMax = 30_000;

/** Opens a member, all of whose answers come in time or fail as `io`. StoreError. */
export async function openTimed(
  clock: Clock,
  what: string,
  opening: Promise<ReadableMember>,
): Promise<ReadableMember> {
  try {
    return new TimedMember(clock, what, await inTime(clock, what, opening));
  } catch (thrown) {
    // Nobody waits for a file that opens later.
    opening.then((file) => file.close()).catch(() => undefined);
    throw thrown;
  }
}

/** A member that failed to answer in time is not asked again. */
class TimedMember implements ReadableMember {
  readonly #clock: Clock;
  readonly #what: string;
  readonly #file: ReadableMember;
  #isLate = false;
  /** What it reads into, since a late answer must not come into what others use again. */
  #memory: Uint8Array | undefined = new Uint8Array(0);

  constructor(clock: Clock, what: string, file: ReadableMember) {
    this.#clock = clock;
    this.#what = what;
    this.#file = file;
  }

  async read(buffer: Uint8Array, offset: number): Promise<number> {
    const bytes = buffer.length;
    const free = this.#memory;
    const memory = free !== undefined && free.length >= bytes ? free : new Uint8Array(bytes);
    this.#memory = undefined; // it is in use
    const found = await this.#ask(() => this.#readInto(memory.subarray(0, bytes), offset));
    buffer.set(memory.subarray(0, found));
    this.#memory = memory;
    return found;
  }

  async #readInto(memory: Uint8Array, offset: number): Promise<number> {
    try {
      return await this.#file.read(memory, offset);
    } catch (thrown) {
      throw readFailure(thrown, { offset, bytes: memory.length });
    }
  }

  size(): Promise<number> {
    return this.#ask(() => this.#file.size());
  }

  async close(): Promise<void> {
    const closing = this.#file.close();
    // It ends when the late answer comes, which nobody waits for.
    if (this.#isLate) closing.catch(() => undefined);
    else await closing;
  }

  async #ask<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isLate) throw late(this.#what);
    const asked = onDisk(work());
    return inTime(this.#clock, this.#what, asked, () => {
      this.#isLate = true;
    });
  }
}

/** What the work gives in time; fails as `io` where it does not. */
export async function inTime<T>(
  clock: Clock,
  what: string,
  work: Promise<T>,
  onLate: () => void = () => undefined,
): Promise<T> {
  const answer = await within(
    clock,
    answerMsMax,
    work.then((value) => ({ value })),
  );
  if (answer !== undefined) return answer.value;
  onLate();
  throw late(what);
}

function late(what: string): StoreError {
  return new StoreError("io", `${what}: no answer in ${answerMsMax / 1000} s`);
}

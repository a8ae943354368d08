import type { RecordIdentity } from "../../format/record.ts";

/** What must stay in memory while members may be writing it. */
export interface Held {
  /** How many need it: who waits to be answered, and each member that it is written to. */
  holders: number;
  /** Called when nobody needs it any more. */
  readonly released: (() => void) | undefined;
}

/** A record on its way into an extent; where it will lie is not known yet. */
export interface StagedRecord extends Held {
  readonly identity: RecordIdentity;
  readonly payload: Uint8Array;
  readonly blockChecksums: readonly number[];
  /** Header, payload and padding. */
  readonly bytes: number;
}

export function hold(held: readonly Held[], holders: number): void {
  for (const one of held) one.holders += holders;
}

/** One of the holders of these needs them no more. */
export function letGo(held: readonly Held[]): void {
  for (const one of held) {
    // holds: C1 payload-kept-for-stragglers
    if (--one.holders === 0) one.released?.();
  }
}

import type { KeyStep } from "../../../src/sim/key-state.ts";

/*
 * The observations of client processes in a run: steps of keys, and facts that any of them may have
 * learned, which the steps of others refer to.
 */

/** A version by its id, where the client does not know which value it is. */
export interface VersionId {
  readonly id: string;
}

export interface SeenVersion extends VersionId {
  /** Undefined: a delete marker. */
  readonly etag: string | undefined;
}

/** Steps as clients see them: versions by their ids. */
export type SeenStep =
  | Exclude<KeyStep, { kind: "versionRead" | "versionRemoved" | "versionsListed" }>
  | {
      readonly kind: "versionRead";
      readonly version: VersionId;
      readonly value: string | undefined;
    }
  | { readonly kind: "versionRemoved"; readonly version: VersionId }
  | { readonly kind: "versionsListed"; readonly versions: readonly SeenVersion[] };

export interface StepSeen {
  readonly kind: "step";
  /** Bucket and key; `BUCKET/*` for every key of the bucket. */
  readonly target: string;
  readonly step: SeenStep;
  /** µs of the machine's monotonic clock, which all processes share. */
  readonly start: number;
  /** `never`: nobody knows until when it may take effect. */
  readonly end: number;
  readonly certain: boolean;
  readonly label: string;
}

export type Observation =
  | StepSeen
  /** The value or marker that an id stands for. */
  | {
      readonly kind: "version";
      readonly target: string;
      readonly id: string;
      readonly name: string;
    }
  | { readonly kind: "etag"; readonly name: string; readonly etag: string }
  /** Wrong by itself, whatever others did. */
  | { readonly kind: "complaint"; readonly complaint: string };

/** Behind every moment of a run. */
export const never = Number.MAX_SAFE_INTEGER;

export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

import type { WriteCondition } from "../object/conditions.ts";

/*
 * What S3 promises of one key, as a state and what moves it. A key's life includes its bucket's:
 * making and deleting the bucket stand in the history of each of its keys, so that a put into a
 * bucket that is gone is noticed.
 */

/**
 * `noBucket`, `absent`, or the name of the value that is there (unique to the operation that wrote
 * it).
 */
export type KeyState = string;

export const noBucket: KeyState = "noBucket";
export const absent: KeyState = "absent";

export type KeyStep =
  | { readonly kind: "write"; readonly value: KeyState; readonly condition: WriteCondition }
  /** The answer was that the condition does not hold. */
  | { readonly kind: "conditionFailed"; readonly condition: WriteCondition }
  | { readonly kind: "read"; readonly value: KeyState }
  /** The bucket was there. */
  | { readonly kind: "bucketSeen" }
  | { readonly kind: "bucketMade" }
  | { readonly kind: "bucketDeleted" };

/** The state after a step; undefined where the step cannot happen in this state. */
export function applyStep(
  step: KeyStep,
  state: KeyState,
  etagOf: (value: KeyState) => string | undefined,
): KeyState | undefined {
  switch (step.kind) {
    case "write":
      return state !== noBucket && holds(step.condition, state, etagOf) ? step.value : undefined;
    case "conditionFailed":
      return state !== noBucket && !holds(step.condition, state, etagOf) ? state : undefined;
    case "read":
      return state === step.value ? state : undefined;
    case "bucketSeen":
      return state !== noBucket ? state : undefined;
    case "bucketMade":
      return state === noBucket ? absent : undefined;
    case "bucketDeleted":
      return state === absent ? noBucket : undefined;
  }
}

function holds(
  condition: WriteCondition,
  state: KeyState,
  etagOf: (value: KeyState) => string | undefined,
): boolean {
  switch (condition.kind) {
    case "always":
      return true;
    case "ifAbsent":
      return state === absent;
    case "ifMatch":
      return state !== absent && (condition.etag === "*" || etagOf(state) === condition.etag);
  }
}

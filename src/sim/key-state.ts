import type { VersioningState } from "../format/bucket-row.ts";
import type { WriteCondition } from "../object/conditions.ts";

/*
 * The model of one key: S3's promises as a state and the steps that change it. A key's life
 * includes its bucket's: making and deleting the bucket and its versioning stand in the history of
 * each of its keys, so that a put into a bucket that is gone, or an overwrite that should have kept
 * a version, is noticed.
 */

/**
 * `noBucket`, or the bucket's versioning and the key's versions, newest first, as text: histories
 * compare states.
 */
export type KeyState = string;

/** Names what an operation wrote; no other operation writes a value of this name. No "," in it. */
export type ValueName = string;

export const noBucket: KeyState = "noBucket";
/** A bucket was made, and nothing written yet. */
export const emptyKey: KeyState = "off:";
/** Stands for no value: a write of it is a delete, a read of it finds no object. */
export const absent: ValueName = "absent";

export type KeyStep =
  | {
      readonly kind: "write";
      readonly value: ValueName;
      readonly condition: WriteCondition;
      /** The name of the delete marker, for a delete that makes one. */
      readonly marker?: ValueName | undefined;
      /** True if the answer named a null version. */
      readonly isNull?: boolean | undefined;
    }
  /** The answer was that the condition does not hold. */
  | { readonly kind: "conditionFailed"; readonly condition: WriteCondition }
  | { readonly kind: "read"; readonly value: ValueName }
  /** A listing shows the object that is there. */
  | { readonly kind: "listed"; readonly etag: string }
  /** A version is deleted permanently, where it is there. */
  | { readonly kind: "versionRemoved"; readonly version: VersionName }
  /**
   * The value that a version is; undefined: a delete marker; `absent`: there is no such version.
   */
  | {
      readonly kind: "versionRead";
      readonly version: VersionName;
      readonly value: ValueName | undefined;
    }
  /** All there were, newest first. */
  | { readonly kind: "versionsListed"; readonly versions: readonly ListedVersion[] }
  | { readonly kind: "versioningSet"; readonly versioning: "enabled" | "suspended" }
  /** The bucket was there. */
  | { readonly kind: "bucketSeen" }
  | { readonly kind: "bucketMade" }
  | { readonly kind: "bucketDeleted" };

type WriteStep = KeyStep & { readonly kind: "write" };

/** A version by the value or marker that it is, or the null version, whatever that is. */
export type VersionName = { readonly name: ValueName } | "null";

/** A version in a listing: it has a name only where the id is known from elsewhere. */
export interface ListedVersion {
  readonly name: ValueName | undefined;
  readonly isNull: boolean;
  /** Undefined: a delete marker. */
  readonly etag: string | undefined;
}

interface Version {
  readonly name: ValueName;
  readonly isNull: boolean;
  readonly isMarker: boolean;
}

interface Key {
  readonly versioning: VersioningState;
  /** Newest first. */
  readonly versions: readonly Version[];
}

type EtagOf = (value: ValueName) => string | undefined;

/** The state after a step; undefined where the step cannot happen in this state. */
export function applyStep(step: KeyStep, state: KeyState, etagOf: EtagOf): KeyState | undefined {
  if (state === noBucket) {
    if (step.kind === "bucketMade") return emptyKey;
    return step.kind === "read" && step.value === noBucket ? state : undefined;
  }
  const key = parse(state);
  const kept = (holds: boolean): KeyState | undefined => (holds ? state : undefined);
  switch (step.kind) {
    case "write":
      return mayWrite(key, step, etagOf) ? render(written(key, step)) : undefined;
    case "conditionFailed":
      return kept(!holds(step.condition, key, etagOf));
    case "read":
      return kept(currentOf(key) === step.value);
    case "listed":
      return kept(etagOf(currentOf(key)) === step.etag);
    case "versionRemoved":
      return render(without(key, step.version));
    case "versionRead":
      return kept(valueOf(key.versions.find(isCalled(step.version))) === step.value);
    case "versionsListed":
      return kept(areListed(key, step.versions, etagOf));
    case "versioningSet":
      return render({ ...key, versioning: step.versioning });
    case "bucketSeen":
      return state;
    case "bucketMade":
      return undefined;
    case "bucketDeleted":
      return key.versions.length === 0 ? noBucket : undefined;
  }
}

export function isRead({ kind }: KeyStep): boolean {
  switch (kind) {
    case "conditionFailed":
    case "read":
    case "listed":
    case "versionRead":
    case "versionsListed":
    case "bucketSeen":
      return true;
    case "write":
    case "versionRemoved":
    case "versioningSet":
    case "bucketMade":
    case "bucketDeleted":
      return false;
  }
}

function valueOf(version: Version | undefined): ValueName | undefined {
  if (version === undefined) return absent;
  return version.isMarker ? undefined : version.name;
}

function mayWrite(key: Key, { condition, isNull }: WriteStep, etagOf: EtagOf): boolean {
  const isOfThisKind = isNull === undefined || isNull === (key.versioning !== "enabled");
  return isOfThisKind && holds(condition, key, etagOf);
}

/** The value that a plain read finds. */
function currentOf({ versions: [newest] }: Key): ValueName {
  return newest === undefined || newest.isMarker ? absent : newest.name;
}

function holds(condition: WriteCondition, key: Key, etagOf: EtagOf): boolean {
  const current = currentOf(key);
  switch (condition.kind) {
    case "always":
      return true;
    case "ifAbsent":
      return current === absent;
    case "ifMatch":
      return current !== absent && (condition.etag === "*" || etagOf(current) === condition.etag);
  }
}

/** The key after a write: in a bucket that is not versioned now it replaces the null version. */
function written(key: Key, { value, marker = "marker" }: WriteStep): Key {
  const { versioning } = key;
  const isNull = versioning !== "enabled";
  const { versions } = isNull ? without(key, "null") : key;
  const isMarker = value === absent;
  if (isMarker && versioning === "off") return { versioning, versions };
  const newest = { name: isMarker ? marker : value, isNull, isMarker };
  return { versioning, versions: [newest, ...versions] };
}

function without(key: Key, version: VersionName): Key {
  const isThis = isCalled(version);
  return { ...key, versions: key.versions.filter((one) => !isThis(one)) };
}

function isCalled(version: VersionName): (one: Version) => boolean {
  return (one) => (version === "null" ? one.isNull : one.name === version.name);
}

function areListed(key: Key, listed: readonly ListedVersion[], etagOf: EtagOf): boolean {
  if (key.versions.length !== listed.length) return false;
  return key.versions.every(({ name, isNull, isMarker }, index) => {
    const seen = listed[index]!;
    if (isNull !== seen.isNull || isMarker !== (seen.etag === undefined)) return false;
    if (seen.name !== undefined) return name === seen.name;
    return isMarker || etagOf(name) === seen.etag;
  });
}

/** Marks behind the name, so that states can be read in messages. */
const marks = { isNull: "~", isMarker: "!" } as const;

function render({ versioning, versions }: Key): KeyState {
  const texts = versions.map(({ name, isNull, isMarker }) => {
    return `${name}${isMarker ? marks.isMarker : ""}${isNull ? marks.isNull : ""}`;
  });
  return `${versioning}:${texts.join()}`;
}

function parse(state: KeyState): Key {
  const colon = state.indexOf(":");
  const texts = state.slice(colon + 1).split(",");
  const versions = texts[0] === "" ? [] : texts.map(parseVersion);
  return { versioning: state.slice(0, colon) as VersioningState, versions }; // as rendered
}

function parseVersion(text: string): Version {
  const isNull = text.endsWith(marks.isNull);
  const rest = isNull ? text.slice(0, -1) : text;
  const isMarker = rest.endsWith(marks.isMarker);
  return { name: isMarker ? rest.slice(0, -1) : rest, isNull, isMarker };
}

import { parseVersionId, type VersionRef } from "../../format/version-id.ts";
import { absent, type KeyStep, type ValueName, type VersionName } from "../key-state.ts";
import type { KnownVersion } from "../known-versions.ts";
import type { ClientSession } from "./context.ts";

// Names of versions, as clients and histories use them.

const nullId = "null";

/** A version that a client asks for. */
export interface AskedVersion {
  readonly ref: VersionRef;
  readonly version: VersionName;
  /** The name in messages. */
  readonly text: string;
}

export const nullVersion: AskedVersion = { ref: { kind: "null" }, version: "null", text: nullId };

/** The null version, or one of those that clients know; now and then one of another key. */
export function pickVersion(session: ClientSession, target: string): AskedVersion {
  const { random, context } = session;
  if (random.chance(0.25)) return nullVersion;
  const elsewhere = random.chance(0.05) ? context.versions.someElsewhere(random) : undefined;
  return askedFor(elsewhere ?? context.versions.some(random, target));
}

/** The null version where none is known. */
export function askedFor(known: KnownVersion | undefined): AskedVersion {
  const ref = known && parseVersionId(known.id);
  if (known === undefined || ref === undefined) return nullVersion;
  return { ref, version: { name: known.name }, text: known.name };
}

/** The observation of a read by version, or of the current one. */
export function readStep(asked: AskedVersion | undefined, value: ValueName): KeyStep {
  if (asked === undefined) return { kind: "read", value };
  return { kind: "versionRead", version: asked.version, value };
}

/** The step that shows a version to be a delete marker. */
export function markerStep({ version }: AskedVersion): KeyStep {
  return { kind: "versionRead", version, value: undefined };
}

export function noteVersion(
  { context }: ClientSession,
  target: string,
  id: string | undefined,
  name: ValueName,
): void {
  if (id !== undefined && id !== nullId) context.versions.note(target, { id, name });
}

/** True if the answer to a write says that it made a null version. */
export function isNullId(id: string | undefined): boolean {
  return id === undefined || id === nullId;
}

/** The observation of a read that found nothing. */
export function nothingIn(asked: AskedVersion): KeyStep {
  return readStep(asked, absent);
}

import { type Ready, whenReady } from "../../base/ready.ts";
import type { Rows } from "../../engine/engine.ts";
import { versionIdOf, versionIdText, type VersionRef } from "../../format/version-id.ts";
import {
  type KeyPlace,
  readHead,
  readVersion,
  type Version,
  versionFrom,
  versionOf,
} from "../../rows/versions.ts";
import { type Refusal, refuse } from "../refusal.ts";

/**
 * The object that a reader asks for. `noSuchKey` (details DeleteMarker and VersionId where a delete
 * marker is the current version), `noSuchVersion`, `isDeleteMarker` (details VersionId).
 */
export function openVersion(
  target: KeyPlace,
  ref: VersionRef | undefined,
): Ready<Version | Refusal> {
  // holds: C2 head-read-from-index
  if (ref === undefined) return whenReady(readHead(target), currentObject);
  return whenReady(readVersion(target, ref), (found) => namedObject(ref, found?.version));
}

/** The same from rows that were read with others: those of `versionKeys`. */
export function openVersionFrom(
  target: KeyPlace,
  ref: VersionRef | undefined,
  rows: Rows,
): Ready<Version | Refusal> {
  if (ref === undefined) return currentObject(versionOf(rows[0]));
  return whenReady(versionFrom(target, ref, rows), (found) => namedObject(ref, found?.version));
}

function namedObject(ref: VersionRef, version: Version | undefined): Version | Refusal {
  const details = { VersionId: versionIdText(ref) };
  if (version === undefined) return refuse("noSuchVersion", { details });
  return version.row.kind === "object" ? version : refuse("isDeleteMarker", { details });
}

function currentObject(head: Version | undefined): Version | Refusal {
  if (head === undefined) return refuse("noSuchKey");
  if (head.row.kind === "object") return head;
  const details = { DeleteMarker: "true", VersionId: versionIdOf(head.row) };
  return refuse("noSuchKey", { details });
}

import type { Change } from "../../engine/engine.ts";
import { decodeBucketFenceRow } from "../../format/bucket-row.ts";
import { decodeExtentRow, type ExtentRow } from "../../format/extent-row.ts";
import { rowKeyOf, space } from "../../format/row-keys.ts";

/**
 * The name of a commit, by the rows it writes: so that a crash can be aimed at one kind of commit,
 * and the report can say which were cut. Spaces in the order in which they name a change that
 * writes several.
 */
const names: readonly (readonly [spaceByte: number, name: string])[] = [
  [space.garbageBatches, "garbage batch"],
  [space.drains, "drain"],
  [space.heads, "head"],
  [space.versions, "version"],
  [space.parts, "part"],
  [space.uploads, "upload"],
  [space.garbage, "garbage"],
  [space.bucketConfigurations, "configuration"],
  [space.buckets, "bucket"],
  [space.bucketFences, "fence"],
  [space.extents, "extent"],
  [space.sessions, "session"],
  [space.leases, "lease"],
  [space.counters, "counter"],
];

export function nameOfChange(change: Change): string {
  for (const [spaceByte, name] of names) {
    const put = change.puts.find(({ key }) => spaceOf(key) === spaceByte);
    if (put !== undefined) {
      const detail = spaceByte === space.heads ? moveIn(change) : detailOf(spaceByte, put.value);
      return `commit ${name} ${detail}`.trimEnd();
    }
    if (change.deletes.some((key) => spaceOf(key) === spaceByte)) return `commit ${name} removed`;
  }
  return "commit other";
}

function spaceOf(storedKey: Uint8Array): number | undefined {
  return rowKeyOf(storedKey)[0];
}

/** The name for the change to older versions that comes with a new head. */
function moveIn({ puts, deletes }: Change): string {
  if (puts.some(({ key }) => spaceOf(key) === space.versions)) return "pushed";
  return deletes.some((key) => spaceOf(key) === space.versions) ? "promoted" : "";
}

function detailOf(spaceByte: number, value: Uint8Array): string {
  if (spaceByte === space.extents) return stateOf(decodeExtentRow(value));
  if (spaceByte === space.bucketFences) return decodeBucketFenceRow(value).state;
  return "";
}

/**
 * The state of an extent, and whether it is coded while it is written, or files of it are being
 * made or are to go.
 */
function stateOf({ state, scheme, coming, leaving }: ExtentRow): string {
  if (state === "open" && scheme.kind === "coded") return "open coded";
  if (coming.length > 0) return `${state} coming`;
  return leaving.length > 0 ? `${state} leaving` : state;
}

/** The name of a transaction, for who counts and who aims. */
export function nameOfChanges(changes: readonly Change[]): string {
  return [...new Set(changes.map(nameOfChange))].join("+");
}

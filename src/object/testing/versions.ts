import { decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import { must } from "../../base/assert.ts";
import { type Deleted, deleteObject } from "../write/delete.ts";
import {
  listVersions,
  type VersionListInput,
  type VersionListItem,
} from "../list/list-versions.ts";
import type { ObjectStore } from "../object-store.ts";
import { parseVersionId, versionIdOf, type VersionRef } from "../../format/version-id.ts";
import { inNamedBucket } from "../bucket/in-named-bucket.ts";
import { always, ok } from "./bodies.ts";
import { key, testBucket } from "./test-store.ts";

export function refOf(id: string | undefined): VersionRef {
  return must(parseVersionId(must(id, "a version has an id")), "an id of ours");
}

export async function remove(store: ObjectStore, name: string, id?: string): Promise<Deleted> {
  const version = id === undefined ? undefined : refOf(id);
  const input = { bucket: testBucket, key: key(name), version, condition: always };
  return ok(await inNamedBucket(store, deleteObject, input));
}

/** A listing as text, an item a line. */
export function textOf(item: VersionListItem): string {
  if (item.kind === "prefix") return `prefix ${decodeUtf8(item.prefix)}`;
  const { row } = item;
  const latest = item.latest ? " latest" : "";
  return `${decodeUtf8(item.key)} ${versionIdOf(row)} ${row.kind}${latest}`;
}

/** All versions of keys with a prefix, in one page. */
export async function allVersions(store: ObjectStore, prefix = ""): Promise<string[]> {
  return walkVersions(store, { prefix: encodeUtf8(prefix), delimiter: undefined }, 1000);
}

/** A listing walked as a client does, by pages. */
export async function walkVersions(
  store: ObjectStore,
  query: Pick<VersionListInput, "prefix" | "delimiter">,
  limit: number,
): Promise<string[]> {
  const out: string[] = [];
  let after: VersionListInput["after"];
  for (;;) {
    const input = { bucket: testBucket, ...query, after, limit };
    const { items, truncated } = ok(await inNamedBucket(store, listVersions, input));
    out.push(...items.map(textOf));
    const last = items.at(-1);
    if (!truncated || last === undefined) return out;
    if (items.length !== limit) throw new Error(`a page of ${items.length} that is cut`);
    after =
      last.kind === "prefix"
        ? { key: last.prefix }
        : { key: last.key, version: refOf(versionIdOf(last.row)) };
  }
}

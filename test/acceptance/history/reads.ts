import { type Answer, errorCodeOf, headerOf } from "../../../src/node/testing/s3-connection.ts";
import { absent } from "../../../src/sim/key-state.ts";
import { type Asked, type HistorySession, type Place } from "./history-session.ts";
import type { SeenVersion } from "./observation.ts";
import { bytesOf, etagOf, nameHeader } from "./values.ts";

// Reads of clients, and the observation that each answer makes about the keys.

/** An object as it was found. */
export interface Found {
  readonly name: string;
  /** Undefined: the bucket was never versioned. */
  readonly versionId: string | undefined;
}

/** GET or HEAD of what is current. */
export async function read(
  session: HistorySession,
  method: "GET" | "HEAD",
  place: Place,
): Promise<Found | undefined> {
  const asked = await session.ask(method, `/${place.bucket}/${place.key}`);
  if (asked?.answer === undefined) return undefined;
  if (isNoKey(asked.answer, method)) {
    session.saw(place, asked, { kind: "read", value: absent });
    return undefined;
  }
  const found = foundIn(session, asked, asked.answer, method);
  if (found === undefined) return undefined;
  session.saw(place, asked, { kind: "read", value: found.name });
  if (found.versionId !== undefined) session.learned(place, found.versionId, found.name);
  return found;
}

function isNoKey(answer: Answer, method: "GET" | "HEAD"): boolean {
  return answer.status === 404 && (method === "HEAD" || errorCodeOf(answer) === "NoSuchKey");
}

/** Complains where name, ETag and bytes do not belong together. */
function foundIn(
  session: HistorySession,
  asked: Asked,
  answer: Answer,
  method: "GET" | "HEAD",
): Found | undefined {
  const name = headerOf(answer, nameHeader);
  if (answer.status !== 200 || name === undefined) {
    session.complain(asked, "no object, and not its absence");
    return undefined;
  }
  const isRight =
    headerOf(answer, "etag") === `"${etagOf(name)}"` &&
    (method === "HEAD" || bytesOf(name).equals(answer.body));
  if (!isRight) session.complain(asked, `C4: these are not ETag and bytes of ${name}`);
  return { name, versionId: headerOf(answer, "x-amz-version-id") };
}

/** GET of a version; what it should be is known to the clients that got its id. */
export async function readVersion(
  session: HistorySession,
  place: Place,
  id: string,
): Promise<void> {
  const asked = await session.ask("GET", `/${place.bucket}/${place.key}?versionId=${id}`);
  if (asked?.answer === undefined) return;
  const { answer } = asked;
  const version = { id };
  if (answer.status === 404 && errorCodeOf(answer) === "NoSuchVersion") {
    session.saw(place, asked, { kind: "versionRead", version, value: absent });
  } else if (answer.status === 405 && headerOf(answer, "x-amz-delete-marker") === "true") {
    session.saw(place, asked, { kind: "versionRead", version, value: undefined });
  } else {
    const found = foundIn(session, asked, answer, "GET");
    if (found === undefined) return;
    session.learned(place, id, found.name);
    session.saw(place, asked, { kind: "versionRead", version, value: found.name });
  }
}

/** ListObjectsV2 page by page; each page is a read of every one of `keys` that it covers. */
export async function list(
  session: HistorySession,
  bucket: string,
  { prefix, keys }: { readonly prefix: string; readonly keys: readonly string[] },
  pageKeys: number,
): Promise<void> {
  for (let after = ""; ;) {
    const start = after === "" ? "" : `&start-after=${after}`;
    const query = `list-type=2&max-keys=${pageKeys}&prefix=${prefix}${start}`;
    const asked = await session.ask("GET", `/${bucket}?${query}`);
    if (asked?.answer === undefined) return;
    const { status, body } = asked.answer;
    if (status !== 200) return session.complain(asked, "no list");
    const text = body.toString();
    const found = new Map(
      [...text.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, one = ""]) => {
        return [textOf(one, "Key"), textOf(one, "ETag")] as const;
      }),
    );
    const isTruncated = textOf(text, "IsTruncated") === "true";
    const last = [...found.keys()].at(-1);
    const covered = keys.filter((key) => key > after && (!isTruncated || key <= (last ?? "")));
    for (const key of covered) {
      const etag = found.get(key);
      const step =
        etag === undefined
          ? ({ kind: "read", value: absent } as const)
          : { kind: "listed" as const, etag };
      session.saw({ bucket, key }, asked, step);
      found.delete(key);
    }
    if (found.size > 0)
      session.complain(asked, `keys that nobody wrote: ${[...found.keys()].join()}`);
    if (!isTruncated || last === undefined) return;
    after = last;
  }
}

/** ListObjectVersions of `keys`; returns the ids seen. */
export async function listVersions(
  session: HistorySession,
  bucket: string,
  { prefix, keys }: { readonly prefix: string; readonly keys: readonly string[] },
): Promise<{ readonly place: Place; readonly id: string }[]> {
  const asked = await session.ask("GET", `/${bucket}?versions&prefix=${prefix}`);
  if (asked?.answer === undefined) return [];
  const { status, body } = asked.answer;
  const text = body.toString();
  if (status !== 200) {
    session.complain(asked, "no list of versions");
    return [];
  }
  const found = versionsIn(text);
  const isTruncated = textOf(text, "IsTruncated") === "true";
  const last = [...found.keys()].at(-1) ?? "";
  for (const key of keys.filter((name) => !isTruncated || name < last)) {
    const versions = found.get(key) ?? [];
    const isLatestFirst = versions.every(({ isLatest }, index) => isLatest === (index === 0));
    if (!isLatestFirst) session.complain(asked, `${key}: not the first one is the latest`);
    session.saw({ bucket, key }, asked, { kind: "versionsListed", versions });
  }
  const unknown = [...found.keys()].filter((key) => !keys.includes(key));
  if (unknown.length > 0) session.complain(asked, `keys that nobody wrote: ${unknown.join()}`);
  return [...found].flatMap(([key, versions]) =>
    versions.map(({ id }) => ({ place: { bucket, key }, id })),
  );
}

interface VersionItem extends SeenVersion {
  readonly isLatest: boolean;
}

function versionsIn(text: string): Map<string, VersionItem[]> {
  const found = new Map<string, VersionItem[]>();
  for (const [, kind, item = ""] of text.matchAll(/<(Version|DeleteMarker)>(.*?)<\/\1>/gs)) {
    const key = textOf(item, "Key");
    const version = {
      id: textOf(item, "VersionId"),
      etag: kind === "Version" ? textOf(item, "ETag") : undefined,
      isLatest: textOf(item, "IsLatest") === "true",
    };
    found.set(key, [...(found.get(key) ?? []), version]);
  }
  return found;
}

/** The text of an element without others in it; ETags come without their quotes. */
function textOf(xml: string, name: string): string {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
  return text.replaceAll("&quot;", "").replaceAll('"', "");
}

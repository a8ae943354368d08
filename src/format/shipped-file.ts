import { idText, type StoreId } from "./ids.ts";

/*
 * What the files of a shipped index are called (platform/shipping-target.ts). Those of a store
 * stand behind its id, so that several may share a target. A name says all that is needed to choose
 * which files to read, and which to remove.
 *
 *     STORE/snapshots/SEQUENCE-CREATED-SLICE.slice      the last one: SEQUENCE-CREATED-SLICE.end
 *     STORE/log/FIRST-LAST-WRITER-ORDINAL.log
 *
 * The slices of a snapshot, one after the other, are the file that stands on data directories
 * (index-snapshot.ts). A file of the log is a segment (log-segment.ts) whose disk has no id.
 */

export interface SnapshotSlice {
  readonly kind: "snapshot";
  /** The last commit that the snapshot holds. */
  readonly sequence: number;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  /** Counted from 0. */
  readonly slice: number;
  readonly isLast: boolean;
}

export interface ShippedSegment {
  readonly kind: "log";
  /** The sequences of its first and its last record. */
  readonly first: number;
  readonly last: number;
  readonly writer: string;
  readonly ordinal: number;
}

const digits = (value: number): string => String(value).padStart(16, "0");

/** The directories that they stand in. */
export function shippedDirectories(store: StoreId): readonly string[] {
  return [`${idText(store)}/snapshots`, `${idText(store)}/log`];
}

export function shippedName(store: StoreId, file: SnapshotSlice | ShippedSegment): string {
  const prefix = `${idText(store)}/`;
  if (file.kind === "snapshot") {
    const slice = String(file.slice).padStart(6, "0");
    const name = `${digits(file.sequence)}-${digits(file.createdMs)}-${slice}`;
    return `${prefix}snapshots/${name}.${file.isLast ? "end" : "slice"}`;
  }
  const { first, last, writer, ordinal } = file;
  return `${prefix}log/${digits(first)}-${digits(last)}-${writer}-${ordinal}.log`;
}

/** Undefined where no file of the store's shipped index has this name. */
export function parseShippedName(
  store: StoreId,
  name: string,
): SnapshotSlice | ShippedSegment | undefined {
  const prefix = `${idText(store)}/`;
  if (!name.startsWith(prefix)) return undefined;
  const rest = name.slice(prefix.length);
  const slice = /^snapshots\/(\d{16})-(\d{16})-(\d{6})\.(slice|end)$/.exec(rest);
  if (slice !== null) {
    const [, sequence, createdMs, place, kind] = slice;
    return {
      kind: "snapshot",
      sequence: Number(sequence),
      createdMs: Number(createdMs),
      slice: Number(place),
      isLast: kind === "end",
    };
  }
  const segment = /^log\/(\d{16})-(\d{16})-([0-9a-f]{16})-(\d{1,15})\.log$/.exec(rest);
  if (segment === null) return undefined;
  const [, first, last, writer = "", ordinal] = segment;
  return {
    kind: "log",
    first: Number(first),
    last: Number(last),
    writer,
    ordinal: Number(ordinal),
  };
}

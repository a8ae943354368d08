import { StoreError } from "../base/errors.ts";
import type { DiskId, StoreId } from "./ids.ts";
import { idText, idOfText } from "./ids.ts";

/** The file `holdfast.json` at the top of every data directory: whose it is, and which layout it has. */
export interface StoreIdentity {
  readonly store: StoreId;
  readonly disk: DiskId;
  /** The first data directory holds the index as well. */
  readonly holdsIndex: boolean;
}

export const storeIdentityFile = "holdfast.json";

/** An empty file beside it: whoever holds its lock uses the data directory. */
export const storeLockFile = "holdfast.lock";

/** Of the layout of a data directory as a whole. */
const version = 1;

export function encodeStoreIdentity({ store, disk, holdsIndex }: StoreIdentity): string {
  const ids = { store: idText(store), disk: idText(disk) };
  const fields = { format: "holdfast-data-directory", version, ...ids, holdsIndex };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{32}$/.test(value);
}

/** `where` is for messages. A newer layout, or a file that is not ours, is refused with the fix named. */
export function decodeStoreIdentity(text: string, where: string): StoreIdentity {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text) as Record<string, unknown>; // every field is checked below
  } catch (cause) {
    throw new StoreError("foreign", notOurs(where), { cause });
  }
  if (fields === null || fields["format"] !== "holdfast-data-directory") {
    throw new StoreError("foreign", notOurs(where));
  }
  if (typeof fields["version"] !== "number" || fields["version"] > version) {
    const fix = "start the newer version of Holdfast that wrote it";
    const message = `${where}: data directory of version ${String(fields["version"])}: ${fix}`;
    throw new StoreError("unsupported_format", message);
  }
  const { store, disk, holdsIndex } = fields;
  if (!isId(store) || !isId(disk) || typeof holdsIndex !== "boolean") {
    throw new StoreError("foreign", notOurs(where));
  }
  return { store: idOfText(store), disk: idOfText(disk), holdsIndex };
}

function notOurs(where: string): string {
  return `${where} is not a Holdfast identity file: give an empty directory, or restore the file`;
}

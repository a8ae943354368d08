import { constants } from "node:os";
import { StoreError, isStoreError, messageOf } from "../../base/errors.ts";

// The names that LMDB and the system give their failures, and the StoreError each becomes.

const mdb = {
  pageNotFound: -30797,
  corrupted: -30796,
  versionMismatch: -30794,
  invalid: -30793,
  mapFull: -30792,
  readersFull: -30790,
} as const;

const { ENOSPC, EDQUOT, EFBIG, EROFS, EACCES } = constants.errno;
const fullCodes: readonly unknown[] = [ENOSPC, EDQUOT, EFBIG, mdb.mapFull];
const readOnlyCodes: readonly unknown[] = [EROFS, EACCES];

/** LMDB's binding puts the number in `code`, Node in `errno` (negated). */
function codeOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if ("errno" in thrown && typeof thrown.errno === "number") return Math.abs(thrown.errno);
  return "code" in thrown && typeof thrown.code === "number" ? thrown.code : undefined;
}

export function saysFull(thrown: unknown): boolean {
  return fullCodes.includes(codeOf(thrown));
}

/** `what` names the environment and what was being done. */
export function toStoreError(thrown: unknown, what: string): StoreError {
  if (isStoreError(thrown)) return thrown;
  const fail = (code: StoreError["code"], advice = ""): StoreError =>
    new StoreError(code, `${what}: ${messageOf(thrown)}${advice}`, { cause: thrown });
  const code = codeOf(thrown);
  if (saysFull(thrown)) return fail("storage_full", " (free space on this file system)");
  if (readOnlyCodes.includes(code)) return fail("read_only", " (the index must be writable)");
  if (code === mdb.readersFull) return fail("overloaded");
  if (code === mdb.versionMismatch) return fail("unsupported_format");
  const corrupt = code === mdb.pageNotFound || code === mdb.corrupted || code === mdb.invalid;
  return fail(corrupt ? "corrupt" : "io");
}

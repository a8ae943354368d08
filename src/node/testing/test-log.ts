import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { localLogDisks } from "../../extent/local-log-members.ts";
import type { LogDisk, LogWriterOptions } from "../../extent/log-writer.ts";
import { LogWriter } from "../../extent/log-writer.ts";
import type { DiskId, StoreId } from "../../format/ids.ts";
import { encodeStoreIdentity, storeIdentityFile } from "../../format/data-directory.ts";
import { idOfText } from "../../format/ids.ts";
import { localDataDisk } from "../../extent/local-members.ts";
import { openDisk } from "../disk/disk.ts";
import { createClock } from "../platform/clock.ts";
import { createHash } from "../platform/hash.ts";

const hash = createHash();
const clock = createClock();

export const testLogStore = idOfText<StoreId>("7".repeat(32));

/** Directories for a log, made where they are not there. */
export function testLogDisks(directory: string, count: number): LogDisk[] {
  const disks = Array.from({ length: count }, (_, i) => {
    const path = join(directory, `disk${i + 1}`);
    mkdirSync(path, { recursive: true });
    const disk = idOfText<DiskId>(String(i + 1).repeat(32));
    const identity = { store: testLogStore, disk, holdsIndex: false, otherDirectories: [] };
    writeFileSync(join(path, storeIdentityFile), encodeStoreIdentity(identity));
    return localDataDisk(hash, disk, openDisk(path));
  });
  return localLogDisks(hash, { store: testLogStore, disks });
}

let writers = 0;

/** A writer of a commit log on such directories. */
export function openTestLog(
  disks: readonly LogDisk[],
  more: Partial<LogWriterOptions> = {},
): LogWriter {
  return new LogWriter({
    platform: { clock, hash, log: () => undefined },
    store: testLogStore,
    disks: () => disks,
    knownDisks: () => disks.length,
    writer: `${process.pid.toString(16).padStart(8, "0")}${(++writers).toString(16).padStart(8, "0")}`,
    generation: 1,
    instantUs: () => Number(process.hrtime.bigint() / 1000n),
    ...more,
  });
}

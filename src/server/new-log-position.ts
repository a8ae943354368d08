import { localLogDisks } from "../extent/local-log-members.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { findSegments } from "../extent/log-scan.ts";
import { findSnapshots } from "../extent/snapshot-files.ts";
import {
  leftOutSequences,
  type LogPosition,
  positionChecksumBytes,
} from "../format/commit-record.ts";
import type { Platform } from "../platform/platform.ts";

/** Where a log begins anew: past whatever a segment of an earlier log may hold. */
export async function newLogPosition({
  platform,
  disks,
}: {
  readonly platform: Platform;
  readonly disks: ExtentDisks;
}): Promise<LogPosition> {
  const snapshots = await findSnapshots(platform, disks);
  const logDisks = localLogDisks(platform.hash, disks);
  const { segments } = await findSegments(platform.hash, disks.store, logDisks);
  let sequence = 0;
  for (const { head } of snapshots) sequence = Math.max(sequence, head.position.sequence);
  for (const { header } of segments) sequence = Math.max(sequence, header.firstSequence);
  const checksum = platform.random.bytes(positionChecksumBytes);
  return { sequence: sequence + leftOutSequences, checksum };
}

import type { EngineReader } from "../engine/engine.ts";
import { logQuorumRowOf } from "../engine/logged-engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import { shippedDisk } from "../extent/local-log-members.ts";
import { logQuorumOf } from "../extent/log-quorum.ts";
import { type DiskId, idText } from "../format/ids.ts";
import { decodeLogQuorumRow } from "../format/log-quorum-row.ts";
import { readDisks } from "../keymap/disk-registry.ts";

/**
 * Shows that a log was read to its end (extent/log-quorum.ts): the disks that were not read could
 * not have answered for the record behind the one that the rows have last. Undefined where that is
 * shown; otherwise the data directories whose records are missing, for a message.
 */
export async function whatMayBeMissing(
  reader: EngineReader,
  { disks }: Pick<ExtentDisks, "disks">,
  unread: ReadonlySet<DiskId>,
): Promise<string | undefined> {
  const rows = (await readDisks(reader)).filter(({ state }) => state !== "removed");
  const quorumRow = await logQuorumRowOf(reader);
  const row = quorumRow && decodeLogQuorumRow(quorumRow);
  const found = new Set(disks.map(({ id }) => id).filter((id) => id !== shippedDisk));
  const known = new Set([...rows.map(({ disk }) => disk), ...found]);
  const counting = row === undefined ? known : new Set(row.domains.flat());
  const lacking = [...counting].filter((disk) => !found.has(disk) || unread.has(disk));
  // holds: C1 enough-of-the-log-was-read
  if (!logQuorumOf(row, known.size).isMet(lacking)) return undefined;
  const nameOf = (disk: DiskId): string =>
    rows.find((one) => one.disk === disk)?.name ?? idText(disk);
  const away = lacking
    .filter((disk) => !found.has(disk))
    .map(nameOf)
    .toSorted();
  const isRead = lacking.length - away.length;
  const cannot = isRead === 0 ? [] : [`it cannot be read on ${isRead} data directories`];
  return [...away, ...cannot].join(", ");
}

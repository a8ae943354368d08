import { type AdminRefusal, refusePage } from "../admin/root-only.ts";
import type { DiskRow } from "../format/disk-row.ts";
import { idText } from "../format/ids.ts";
import { readDisks } from "../keymap/disk-registry.ts";
import type { Keymap } from "../keymap/keymap.ts";

/** @limit The beginning of a disk's id that names it, as `disk list` shows it. */
const idDigitsMin = 8;

/** The disk that people name by its directory, or by its id or the beginning of that. */
export async function findNamedDisk(
  { system }: Pick<Keymap, "system">,
  text: string,
): Promise<DiskRow | AdminRefusal> {
  const rows = await readDisks(system);
  const isNamed = ({ disk, name }: DiskRow): boolean =>
    name === text || (text.length >= idDigitsMin && idText(disk).startsWith(text));
  const named = rows.filter(isNamed);
  const present = named.filter(({ state }) => state !== "removed");
  const [found, another] = present.length > 0 ? present : named;
  if (found !== undefined && another === undefined) return found;
  const fix = "holdfast disk list shows them";
  const what = found === undefined ? "the store has no disk" : "the store has several disks";
  return refusePage("notFound", `${what} ${text}: ${fix}`);
}

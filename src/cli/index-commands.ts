import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { must } from "../base/assert.ts";
import { messageOf, StoreError } from "../base/errors.ts";
import { IndexSnapshots } from "../control/index-snapshots.ts";
import { copySnapshot, type SnapshotCopy } from "../control/shipping/copy-snapshot.ts";
import { readIdentity } from "../extent/data-directories.ts";
import { readDisks } from "../keymap/disk-registry.ts";
import { openShippingTarget, shippingAccessOf } from "../node/client/shipping-target.ts";
import { openDisk } from "../node/disk/disk.ts";
import { openLmdbEngine } from "../node/lmdb/lmdb-engine.ts";
import { createLog } from "../node/platform/log.ts";
import { createPlatform } from "../node/platform/platform.ts";
import { homeFirst } from "../node/store/index-home.ts";
import { restoreIndex, type Restored, type RestoreOptions } from "../node/store/restore-index.ts";
import { disksOf, indexPath } from "../node/store/store-directories.ts";
import type { Platform } from "../platform/platform.ts";
import type { ShippingTarget } from "../platform/shipping-target.ts";
import { parseShippingPlace, type ShippingPlace } from "../server/setting-values.ts";
import { type Command, exitStatus, type Flag, type GivenFlags } from "./command.ts";
import { caFlag, caTrust } from "./connection.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";
import { Interruption } from "./stop-signal.ts";
import { bytesText } from "./units.ts";
import { TerminalLine } from "./terminal-line.ts";

const jsonFlag: Flag = { name: "json", help: "print one line of JSON" };
const storeFlags: readonly Flag[] = [settingFlag("data"), configFlag];
const placeValue = "DIR|s3://BUCKET/PREFIX";
const bucketFlags: readonly Flag[] = [
  settingFlag("ship-index-endpoint"),
  settingFlag("ship-index-region"),
  caFlag,
];

export const indexSnapshot: Command = {
  name: "index snapshot",
  summary: "write a snapshot of the index, also while the store is served",
  usage: "index snapshot [--data DIR[,DIR…]] [--to PLACE] [--json]",
  flags: [
    ...storeFlags,
    { name: "to", value: placeValue, help: "put it there, not on the data directories" },
    ...bucketFlags,
    jsonFlag,
  ],
  run: runSnapshot,
};

async function runSnapshot({ flags }: GivenFlags): Promise<number> {
  const { platform, paths } = toolOf({ flags, operands: [] });
  const directories = await directoriesOf(platform, paths);
  const [home] = directories;
  const { store } = must(home, "a store has a data directory");
  const location = { store, directories };
  const path = indexPath(location);
  const { hash, log } = platform;
  const index = await openLmdbEngine({ path, hash, log, reserveBytes: 0 });
  const line = process.stderr.isTTY ? new TerminalLine() : undefined;
  const onProgress = (rows: number): void => line?.show(`writing the snapshot: ${rows} rows`);
  const to = placeOf(flags, "to");
  using interrupted = new Interruption();
  const { signal } = interrupted;
  try {
    const diskRows = new Map((await readDisks(index)).map((row) => [row.disk, row]));
    const disks = { ...disksOf(platform, location), rows: diskRows };
    const target = to && targetAt({ flags, operands: [] }, platform, to);
    const written: Written =
      target === undefined
        ? await snapshotHere({ platform, index, disks }, onProgress)
        : await copySnapshot({ platform, index, disks, target, signal, onProgress });
    line?.end();
    const where = target?.name ?? `${written.copies} data directories`;
    const { sequence, rows, bytes } = written;
    const size = bytes === undefined ? "" : `, ${bytesText(bytes)}`;
    if (flags.has("json")) console.log(JSON.stringify({ to: target?.name, ...written }));
    else console.log(`Snapshot of commit ${sequence} in ${where}: ${rows ?? "all"} rows${size}.`);
    return exitStatus.ok;
  } finally {
    await index.close();
  }
}

interface Written extends Partial<SnapshotCopy> {
  readonly copies?: number;
}

async function snapshotHere(
  options: ConstructorParameters<typeof IndexSnapshots>[0],
  onProgress: (rows: number) => void,
): Promise<Written> {
  const task = new IndexSnapshots(options);
  task.ask();
  while ((await task.step()) === "busy") onProgress(task.statistics.rowsSoFar ?? 0);
  const { isLogged, sequence = 0, copies } = task.statistics;
  if (isLogged === true) return { sequence, copies };
  const fix = "give a directory on another disk: --to DIR";
  throw new StoreError("invalid", `a store of one disk keeps no snapshot of its index: ${fix}`);
}

function placeOf(flags: GivenFlags["flags"], name: string): ShippingPlace | undefined {
  try {
    return parseShippingPlace(flags.get(name) ?? "");
  } catch (cause) {
    throw new StoreError("invalid", `--${name}: ${messageOf(cause)}`, { cause });
  }
}

function targetAt(given: GivenFlags, platform: Platform, place: ShippingPlace): ShippingTarget {
  const access = shippingAccessOf(place, process.env, caTrust(given));
  if (place.kind === "bucket")
    return openShippingTarget(platform.clock, place, settingsOf(given), access);
  const path = resolve(place.path);
  if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 });
  return openShippingTarget(platform.clock, { ...place, path }, settingsOf(given), access);
}

export const indexRestore: Command = {
  name: "index restore",
  summary: "make the index of a stopped store again from a snapshot and its log",
  usage:
    "index restore [--data DIR[,DIR…]] [--from PLACE] [--to TIME | --to-sequence N] [--accept-loss] [--json]",
  flags: [
    ...storeFlags,
    { name: "from", value: placeValue, help: "look for snapshots and log there as well" },
    ...bucketFlags,
    {
      name: "to",
      value: "TIME",
      help: "as of this time within the restore window, such as 2026-11-29T12:00:00Z",
    },
    {
      name: "to-sequence",
      value: "N",
      help: "the last commit that is wanted; what was deleted since may be gone",
    },
    { name: "accept-loss", help: "go on although what was written later is missing then" },
    jsonFlag,
  ],
  run: runRestore,
};

async function runRestore({ flags }: GivenFlags): Promise<number> {
  const { platform, paths } = toolOf({ flags, operands: [] });
  const wanted = wantedBy(flags);
  const line = process.stderr.isTTY ? new TerminalLine() : undefined;
  const from = placeOf(flags, "from");
  using interrupted = new Interruption();
  const restored = await restoreIndex({
    platform,
    paths,
    from: from && {
      target: targetAt({ flags, operands: [] }, platform, from),
      directory: from.kind === "directory" ? resolve(from.path) : undefined,
    },
    ...wanted,
    acceptLoss: flags.has("accept-loss"),
    signal: interrupted.signal,
    onProgress: (stage, done, of) => line?.show(`${stage}: ${done}${of === 0 ? "" : ` of ${of}`}`),
  });
  line?.end();
  if (flags.has("json")) console.log(JSON.stringify(restored));
  else for (const text of restoredLines(restored, flags.has("to"))) console.log(text);
  return exitStatus.ok;
}

/** After a restore to a time all extents of that time are there, where they are now. */
function restoredLines(
  { path, sequence, commits, isBehind, snapshotCopies }: Restored,
  isToTime: boolean,
): string[] {
  const lines = [`The index in ${path} is that of commit ${sequence} (${commits} from its log).`];
  if (!isBehind) return lines;
  const more =
    "What was written later is not in it. Its files are kept, and holdfast check names them.";
  const moved =
    "Objects that were moved or coded since may be unreadable: holdfast index verify says which.";
  const snapshot = snapshotCopies === undefined ? [] : [snapshotLine(snapshotCopies)];
  return [...lines, more, ...(isToTime ? [] : [moved]), ...snapshot];
}

function snapshotLine(copies: number): string {
  if (copies > 0) return `A snapshot of it is on ${copies} disks, for its log to begin behind.`;
  const next = "the server makes one some seconds after its start";
  return `No disk took a snapshot of it: until there is one it is lost with its disk; ${next}.`;
}

function wantedBy(flags: GivenFlags["flags"]): Pick<RestoreOptions, "isWanted" | "toMs"> {
  const [toSequence, to] = [flags.get("to-sequence"), flags.get("to")];
  if (toSequence !== undefined && to !== undefined) {
    throw new StoreError("invalid", "give --to or --to-sequence, not both");
  }
  if (toSequence !== undefined) {
    if (!/^\d{1,15}$/.test(toSequence)) {
      throw new StoreError("invalid", `--to-sequence: "${toSequence}" is not a number of a commit`);
    }
    return { isWanted: ({ sequence }) => sequence <= Number(toSequence) };
  }
  if (to === undefined) return {};
  const toMs = Date.parse(to);
  if (!Number.isNaN(toMs)) return { toMs };
  throw new StoreError("invalid", `--to: "${to}" is not a time such as 2026-11-29T12:00:00Z`);
}

function toolOf(given: GivenFlags): { platform: Platform; paths: readonly string[] } {
  const settings = settingsOf(given);
  const platform = createPlatform({ log: createLog({ level: settings["log-level"] }) });
  return { platform, paths: settings.data.map((path) => resolve(path)) };
}

/** The data directories of a store, the one with the index first. */
async function directoriesOf(platform: Platform, paths: readonly string[]) {
  const [home = "", ...others] = await homeFirst(platform, paths);
  const first = existsSync(home) ? await readIdentity(openDisk(home)) : undefined;
  if (first?.holdsIndex !== true) {
    const fix = "name the data directories of the store with --data";
    throw new StoreError("missing", `${home} does not hold the index of a store: ${fix}`);
  }
  const { store } = first;
  const directories = [{ path: home, disk: first.disk, store }];
  for (const path of new Set([...others, ...first.otherDirectories])) {
    const identity = existsSync(path) ? await readIdentity(openDisk(path)) : undefined;
    if (identity?.store === store) directories.push({ path, disk: identity.disk, store });
  }
  return directories;
}

import { resolve } from "node:path";
import type { DiskAction, DiskDone, DiskFields, ShownDisk } from "../admin/disk-pages.ts";
import { columns, type Command, exitStatus, type Flag, type GivenFlags } from "./command.ts";
import { askAdmin, connectionFlags, connectionOf } from "./connection.ts";
import { indexMoveText } from "./disk-report.ts";
import { bytesText, durationText } from "./units.ts";

/** Where the server has its disks. */
const disksPath = "/-/disks";

const jsonFlag: Flag = { name: "json", help: "print one line of JSON" };
const labelsFlag: Flag = {
  name: "label",
  value: "NAME=VALUE[,…]",
  help: "where the disk stands: region, zone, row, rack, host",
};

export const diskList: Command = {
  name: "disk list",
  summary: "list the disks of the store, and what each is to it",
  usage: "disk list [--json]",
  flags: [...connectionFlags, jsonFlag],
  run: runDiskList,
};

async function runDiskList(given: GivenFlags): Promise<number> {
  const answer = await askAdmin(await connectionOf(given), { method: "GET", target: disksPath });
  const { disks } = answer as { readonly disks: readonly ShownDisk[] }; // the server's answer
  if (given.flags.has("json")) console.log(JSON.stringify({ disks }));
  else for (const line of diskLines(disks)) console.log(line);
  return exitStatus.ok;
}

/** The table of disks, and below it what needs attention. */
export function diskLines(disks: readonly ShownDisk[]): string[] {
  const heads = ["DIRECTORY", "ID", "LABELS", "STATE", "CAPACITY", "FREE", "EXTENTS", "CONDITION"];
  const rows = disks.map((disk) => [
    disk.directory + (disk.holdsIndex ? " (index)" : ""),
    disk.id.slice(0, 8),
    disk.labels === "" ? "-" : disk.labels,
    disk.state + (disk.isPaused ? " (paused)" : ""),
    disk.capacityBytes === 0 ? "-" : bytesText(disk.capacityBytes),
    disk.freeBytes === undefined ? "-" : bytesText(disk.freeBytes),
    disk.extents === undefined ? "-" : String(disk.extents),
    disk.condition === "ok" ? "ok" : disk.condition.replace("_", "-"),
  ]);
  const notes = disks.flatMap((disk) => [...noteOf(disk), ...indexNoteOf(disk)]);
  return [...columns([heads, ...rows]), ...(notes.length === 0 ? [] : ["", ...notes])];
}

function noteOf(disk: ShownDisk): string[] {
  const { directory, state, reason, extents, extentBytes = 0, emptyInSeconds, onlyExtents } = disk;
  const { heldExtents = 0 } = disk;
  const held = heldExtents === 0 ? "" : `, ${heldExtents} for a restore only`;
  const only =
    onlyExtents === undefined || onlyExtents === 0 ? "" : `, ${onlyExtents} nowhere else`;
  const on =
    extents === undefined ? "" : `${extents} extents (${bytesText(extentBytes)})${held}${only}`;
  const faults = Object.entries(disk.faults).filter(([, count]) => count > 0);
  const met = faults.map(([kind, count]) => `${count} ${kind}`).join(", ");
  const faulty = met === "" ? [] : [`${directory}: faults since the server started: ${met}`];
  switch (state) {
    case "emptying": {
      if (extents === 0 && disk.holdsIndex) return [`${directory} is empty but for the index`];
      if (extents === 0) return [`${directory} is empty: holdfast disk remove ${directory}`];
      const left = emptyInSeconds === undefined ? "" : `, about ${durationText(emptyInSeconds)}`;
      const how = emptyingText(disk);
      const why = ["", "asked for"].includes(reason) ? "" : ` (${reason})`;
      return [`${directory} is being emptied${why}: ${on} left${left}; ${how}`, ...faulty];
    }
    case "out": {
      const fix = `see to the disk, then holdfast disk resume ${directory} or disk replace`;
      return [`${directory} is out since ${disk.since} (${reason}): ${fix}`, ...faulty];
    }
    case "removed":
      return [`${directory} is removed (${reason}); ${on} were on it`];
    default: {
      if (disk.condition === "no_answer") {
        const now = "it is read and written on the others, and used again once it answers";
        return [`${directory} gives no answer: see to the disk and its cable; ${now}`, ...faulty];
      }
      if (disk.condition !== "not mounted") return faulty;
      const fix = `mount it, or holdfast disk replace ${directory} NEW`;
      return [`${directory} is not mounted: ${fix}`];
    }
  }
}

function emptyingText({ directory, isPaused, isReplaced, holdsIndex }: ShownDisk): string {
  if (isPaused) return `paused: holdfast disk drain ${directory} goes on`;
  if (!isReplaced || holdsIndex) return "under way";
  const giveUp = `holdfast disk remove ${directory} --force`;
  return `it is removed once nothing is left that is nowhere else (${giveUp} gives that up)`;
}

function indexNoteOf({ directory, indexMove }: ShownDisk): string[] {
  if (indexMove === undefined) return [];
  return [`${directory} holds the index, which ${indexMoveText(indexMove)}`];
}

interface DiskCommand {
  readonly action: DiskAction;
  readonly summary: string;
  readonly usage: string;
  readonly operands: readonly string[];
  readonly flags?: readonly Flag[];
  readonly fieldsOf: (given: GivenFlags) => DiskFields;
  /** Another action, as a flag says. */
  readonly actionOf?: (given: GivenFlags) => DiskAction;
}

function diskCommand(command: DiskCommand): Command {
  const { action, summary, usage, operands, flags = [], fieldsOf, actionOf } = command;
  return {
    name: `disk ${action}`,
    summary,
    usage,
    operands,
    flags: [...flags, ...connectionFlags, jsonFlag],
    async run(given) {
      const target = `${disksPath}/${actionOf?.(given) ?? action}`;
      const value = fieldsOf(given);
      const answer = await askAdmin(await connectionOf(given), { method: "POST", target, value });
      const done = answer as DiskDone; // the server's answer
      console.log(given.flags.has("json") ? JSON.stringify(done) : done.message);
      return exitStatus.ok;
    },
  };
}

/** A disk by its directory, as seen from here, or by its id. */
export function diskOf(text = ""): string {
  return /^[0-9a-f]{8,32}$/.test(text) ? text : resolve(text);
}

const forceFlag = (help: string): Flag => ({ name: "force", help });
const forced = ({ flags }: GivenFlags): DiskFields => (flags.has("force") ? { force: "yes" } : {});
const labelled = ({ flags }: GivenFlags): DiskFields => {
  const labels = flags.get("label");
  return labels === undefined ? {} : { labels };
};
const theDisk = ({ operands }: GivenFlags): DiskFields => ({ disk: diskOf(operands[0]) });

export const diskAdd = diskCommand({
  action: "add",
  summary: "add an empty directory as a disk, of any size, while the server runs",
  usage: "disk add DIR [--label NAME=VALUE[,…]]",
  operands: ["DIR"],
  flags: [labelsFlag],
  fieldsOf: (given) => ({ path: resolve(given.operands[0] ?? ""), ...labelled(given) }),
});

export const diskLabel = diskCommand({
  action: "label",
  summary: "say where a disk stands; an empty value (rack=) takes a label away",
  usage: "disk label DISK NAME=VALUE[,…]",
  operands: ["DISK", "LABELS"],
  fieldsOf: (given) => ({ ...theDisk(given), labels: given.operands[1] ?? "" }),
});

export const diskDrain = diskCommand({
  action: "drain",
  summary: "empty a disk: what is on it moves to the others, the index too; nothing new comes",
  usage: "disk drain DISK [--pause]",
  operands: ["DISK"],
  flags: [{ name: "pause", help: "leave it as it is for now; the same without --pause goes on" }],
  fieldsOf: theDisk,
  actionOf: ({ flags }) => (flags.has("pause") ? "pause" : "drain"),
});

export const diskResume = diskCommand({
  action: "resume",
  summary: "put a disk back to use that is out, or being emptied",
  usage: "disk resume DISK",
  operands: ["DISK"],
  fieldsOf: theDisk,
});

export const diskRemove = diskCommand({
  action: "remove",
  summary: "remove a disk that is empty; with --force also what is on it",
  usage: "disk remove DISK [--force]",
  operands: ["DISK"],
  flags: [forceFlag("give up what is on it, also what is nowhere else")],
  fieldsOf: (given) => ({ ...theDisk(given), ...forced(given) }),
});

export const diskReplace = diskCommand({
  action: "replace",
  summary: "replace a dead disk by an empty directory, and make its data again there",
  usage: "disk replace DISK NEW [--label NAME=VALUE[,…]] [--force]",
  operands: ["DISK", "NEW"],
  flags: [labelsFlag, forceFlag("give up what is on the dead disk and nowhere else")],
  fieldsOf: (given) => ({
    ...theDisk(given),
    path: resolve(given.operands[1] ?? ""),
    ...labelled(given),
    ...forced(given),
  }),
});

import { setTimeout as sleep } from "node:timers/promises";
import type {
  RepairReport,
  ScrubReport,
  UnreadableReport,
  WorkAction,
  WorkDone,
} from "../admin/work-pages.ts";
import { columns, type Command, exitStatus, type Flag, type GivenFlags } from "./command.ts";
import { askAdmin, connectionFlags, connectionOf } from "./connection.ts";
import { diskOf } from "./disk.ts";
import { shortageText, unreadableText } from "./redundancy-report.ts";
import { untilInterrupted } from "./stop-signal.ts";
import { bytesText, durationText } from "./units.ts";

/** Where the server says how far they are, and takes orders. */
const paths = { repair: "/-/repair", scrub: "/-/scrub" } as const;

type WorkName = keyof typeof paths;

/** @limit Time from one look to the next. */
const watchEveryMs = 2000;

const jsonFlag: Flag = { name: "json", help: "print one line of JSON" };
const watchFlag: Flag = {
  name: "watch",
  help: "refresh every 2 s until it is done, or until Ctrl-C",
};

export const repair: Command = statusCommand<RepairReport>({
  name: "repair",
  summary: "show what is made again or moved, how much is left, and when that ends",
  linesOf: repairReportLines,
  isDone: ({ isWhole }) => isWhole,
});

export const scrub: Command = statusCommand<ScrubReport>({
  name: "scrub",
  summary: "show when each disk was last read and verified, and how far it is now",
  linesOf: scrubReportLines,
  isDone: ({ disks, index }) => [...disks, index].every((one) => one?.isReading !== true),
});

interface StatusCommand<Report> {
  readonly name: WorkName;
  readonly summary: string;
  readonly linesOf: (report: Report) => readonly string[];
  readonly isDone: (report: Report) => boolean;
}

function statusCommand<Report>(command: StatusCommand<Report>): Command {
  const { name, summary, linesOf, isDone } = command;
  return {
    name,
    summary,
    usage: `${name} [--watch] [--json]`,
    flags: [...connectionFlags, watchFlag, jsonFlag],
    async run(given) {
      const stop = untilInterrupted();
      const isWatching = given.flags.has("watch");
      for (;;) {
        const target = paths[name];
        const answer = await askAdmin(await connectionOf(given), { method: "GET", target });
        const report = answer as Report; // the server's answer
        if (given.flags.has("json")) console.log(JSON.stringify(report));
        else {
          if (isWatching && process.stdout.isTTY) console.clear();
          for (const line of linesOf(report)) console.log(line);
        }
        if (!isWatching || isDone(report)) return exitStatus.ok;
        // Ends when it aborts.
        await sleep(watchEveryMs, undefined, { signal: stop }).catch(() => undefined);
        if (stop.aborted) return exitStatus.ok;
      }
    },
  };
}

export function repairReportLines(report: RepairReport): string[] {
  const { isPaused, isLooking, isWhole, extents, bytesLeft, stuck, secondsLeft, now } = report;
  const paused = isPaused ? ["repair is PAUSED: holdfast repair resume goes on"] : [];
  const looking = isLooking ? ["still looking through all extents"] : [];
  const left =
    secondsLeft === null ? "time left is not known" : `${durationText(secondsLeft)} left`;
  const queued = `${extents} extents to repair, ${bytesText(bytesLeft)} of members to make, ${left}`;
  const none = isWhole ? "no members are to be made" : shortageText(report);
  const todo = extents > 0 ? queued : none;
  const made = `${report.membersMade} members made since the start, ${bytesText(report.bytesMade)}`;
  const at = now.map(({ extent, member, directory, bytes, bytesDone }) => {
    const done = `${bytesText(bytesDone)} of ${bytesText(bytes)}`;
    return `now: extent ${extent}, member ${member} in ${directory}, ${done}`;
  });
  const fix = "add one: holdfast disk add";
  const noPlace = stuck === 0 ? [] : [`${stuck} members have no disk that takes them: ${fix}`];
  return [...paused, todo, ...looking, ...at, made, ...noPlace];
}

export function scrubReportLines({ isPaused, everySeconds, disks, index }: ScrubReport): string[] {
  const heads = ["DIRECTORY", "VERIFIED", "NOW", "READ", "BAD", "PASSED OVER", "LEFT"];
  const rows = disks.map((disk) => {
    const { directory, ageSeconds, isReading, isAsked, bytesRead, bytesOnDisk, bad } = disk;
    const { passedOver, secondsLeft } = disk;
    const of = bytesOnDisk === null ? "" : ` of ${bytesText(Math.max(bytesOnDisk, bytesRead))}`;
    return [
      directory,
      ageSeconds === null ? "not yet" : `${durationText(ageSeconds)} ago`,
      isReading ? (isPaused ? "paused" : isAsked ? "as asked" : "as scheduled") : "-",
      isReading ? `${bytesText(bytesRead)}${of}` : "-",
      String(bad),
      String(passedOver),
      !isReading ? "-" : secondsLeft === null ? "?" : durationText(secondsLeft),
    ];
  });
  const every = `everything is read and verified every ${durationText(everySeconds)}`;
  const state = isPaused ? "scrub is PAUSED: holdfast scrub resume goes on" : every;
  return [state, ...columns([heads, ...rows]), ...indexLines(index, isPaused)];
}

function indexLines(index: ScrubReport["index"], isPaused: boolean): string[] {
  if (index === null) return [];
  const { ageSeconds, isReading, isAsked, bytesRead, bad, mended, lost } = index;
  const since =
    ageSeconds === null ? "not verified yet" : `verified ${durationText(ageSeconds)} ago`;
  const how = isPaused ? "paused" : isAsked ? "as asked" : "as scheduled";
  const now = isReading ? `; now ${how}, ${bytesText(bytesRead)} read` : "";
  const found = bad === 0 ? "" : `; ${bad} copies not whole, ${mended} of them made anew`;
  const gone = lost === 0 ? "" : `; ${lost} LOST, for which another snapshot is made`;
  return [`index log and snapshots: ${since}${now}${found}${gone}`];
}

interface OrderCommand {
  readonly name: WorkName;
  readonly action: WorkAction;
  readonly summary: string;
  /** True if it may be for one disk. */
  readonly takesDisk?: boolean;
}

function orderCommand({ name, action, summary, takesDisk = false }: OrderCommand): Command {
  return {
    name: `${name} ${action}`,
    summary,
    usage: `${name} ${action}${takesDisk ? " [DISK]" : ""}`,
    optionalOperands: takesDisk ? ["DISK"] : [],
    flags: [...connectionFlags, jsonFlag],
    async run(given: GivenFlags) {
      const [disk] = given.operands;
      const value = disk === undefined ? {} : { disk: diskOf(disk) };
      const target = `${paths[name]}/${action}`;
      const answer = await askAdmin(await connectionOf(given), { method: "POST", target, value });
      const done = answer as WorkDone; // the server's answer
      console.log(given.flags.has("json") ? JSON.stringify(done) : done.message);
      return exitStatus.ok;
    },
  };
}

/** Where the server names them. */
export const unreadablePath = "/-/repair/unreadable";

const repairUnreadable: Command = {
  name: "repair unreadable",
  summary: "list objects of which some piece cannot be read now",
  usage: "repair unreadable [--json]",
  flags: [...connectionFlags, jsonFlag],
  async run(given) {
    const target = unreadablePath;
    const answer = await askAdmin(await connectionOf(given), { method: "GET", target });
    const report = answer as UnreadableReport; // the server's answer
    if (given.flags.has("json")) console.log(JSON.stringify(report));
    else for (const line of unreadableLines(report)) console.log(line);
    return report.total === 0 ? exitStatus.ok : exitStatus.failed;
  },
};

function unreadableLines({ counted, total, objects }: UnreadableReport): string[] {
  if (counted === null) return ["objects were not counted yet: try again"];
  const more = total - objects.length;
  return [
    `${total} objects cannot be read, as of ${counted}`,
    ...objects.map(unreadableText),
    ...(more > 0 ? [`${more} more: stop the server, and holdfast check names all`] : []),
  ];
}

/** Those of two words come first, since `repair` and `scrub` are their beginning. */
export const workCommands: readonly Command[] = [
  orderCommand({
    name: "repair",
    action: "start",
    summary: "look through all extents now, also those that could not be repaired before",
  }),
  orderCommand({
    name: "repair",
    action: "pause",
    summary: "make and move no members until it is resumed",
  }),
  orderCommand({ name: "repair", action: "resume", summary: "go on with repair" }),
  repairUnreadable,
  repair,
  orderCommand({
    name: "scrub",
    action: "start",
    takesDisk: true,
    summary: "read and verify everything on all disks, or on one, from now on",
  }),
  orderCommand({
    name: "scrub",
    action: "pause",
    summary: "read nothing to verify it until it is resumed",
  }),
  orderCommand({ name: "scrub", action: "resume", summary: "go on with scrub" }),
  scrub,
];

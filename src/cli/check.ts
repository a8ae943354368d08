import { StoreError } from "../base/errors.ts";
import { type CheckReport, checkStore } from "../control/check.ts";
import type { VerifyReport } from "../engine/engine.ts";
import { createExtentTable } from "../keymap/index-extent-table.ts";
import { openKeymap } from "../keymap/open-keymap.ts";
import { createLog } from "../node/platform/log.ts";
import { createPlatform } from "../node/platform/platform.ts";
import { homeFirst } from "../node/store/index-home.ts";
import { openStore } from "../node/store/open-store.ts";
import {
  type IndexRepair,
  type StoppedIndex,
  inspectIndex,
  repairIndex,
} from "../node/store/repair-index.ts";
import { openStoreDirectories } from "../node/store/store-directories.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { TerminalLine } from "./terminal-line.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";

export const check: Command = {
  name: "check",
  summary: "verify every checksum and reference of a stopped store",
  usage: "check [--data DIR[,DIR…]] [--repair [--accept-loss]] [--json]",
  flags: [
    settingFlag("data"),
    configFlag,
    { name: "repair", help: "rebuild a damaged index from every row that can be proved" },
    { name: "accept-loss", help: "with --repair: accept the loss of the rows it listed as lost" },
    { name: "json", help: "print the whole report as one line of JSON" },
  ],
  run: runCheck,
};

async function runCheck({ flags }: GivenFlags): Promise<number> {
  const settings = settingsOf({ flags, operands: [] });
  const platform = createPlatform({ log: createLog({ level: settings["log-level"] }) });
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new StoreError("cancelled", "the check was stopped"));
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const line = process.stderr.isTTY ? new TerminalLine() : undefined;
  const json = flags.has("json");
  try {
    const stopped = {
      platform,
      paths: await homeFirst(platform, settings.data),
      signal: stop.signal,
      onProgress: (doing: string, rows: number) => line?.show(`${doing} the index: ${rows} rows`),
    };
    const index = await checkIndex(stopped, flags);
    line?.end();
    if (index.lines.length > 0 && !json) console.log(index.lines.join("\n"));
    if (!index.mayOpen) {
      if (json) console.log(JSON.stringify({ isClean: false, ...index.report }));
      return exitStatus.failed;
    }
    const report = await checkOpened(stopped, line);
    line?.end();
    if (json) console.log(JSON.stringify({ ...report, ...index.report }));
    else print(report);
    return report.isClean ? exitStatus.ok : exitStatus.failed;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}

interface CheckedIndex {
  readonly lines: readonly string[];
  /** The same report for programs. */
  readonly report: { readonly repair?: IndexRepair; readonly index?: VerifyReport };
  /** False where the binding might follow a damaged page out of the file. */
  readonly mayOpen: boolean;
}

async function checkIndex(
  stopped: StoppedIndex,
  flags: GivenFlags["flags"],
): Promise<CheckedIndex> {
  const acceptLoss = flags.has("accept-loss");
  if (flags.has("repair")) {
    const repair = await repairIndex(stopped, acceptLoss);
    const mayOpen = repair.outcome === "sound" || repair.outcome === "repaired";
    return { lines: repairLines(repair), report: { repair }, mayOpen };
  }
  if (acceptLoss) throw new StoreError("invalid", "--accept-loss needs --repair");
  const index = await inspectIndex(stopped);
  // Rows that are damaged by themselves are named by what follows.
  const mayOpen = index.problems.every(({ kind }) => kind === "row");
  return mayOpen
    ? { lines: [], report: {}, mayOpen }
    : { lines: damageLines(index), report: { index }, mayOpen };
}

/** The whole of a stopped store, once its index is known to be readable. */
export async function checkOpened(
  { platform, paths, signal }: Pick<StoppedIndex, "platform" | "paths" | "signal">,
  line: TerminalLine | undefined,
): Promise<CheckReport> {
  using store = await openStoreDirectories({ platform, paths, mayCreate: false });
  const opened = await openStore(platform, store, () => undefined);
  try {
    const { engines, disks } = opened.machine;
    const keymap = await openKeymap({ platform, engines, role: "tool", store: store.store });
    return await checkStore({
      platform,
      keymap,
      disks,
      table: createExtentTable(keymap),
      signal,
      onProgress: ({ phase, counts, problems }) => {
        const done = `${counts.rows} rows, ${counts.extents} extents, ${counts.records} records`;
        line?.show(`checking ${phase}: ${done}, ${problems} problems`);
      },
    });
  } finally {
    await opened.close();
  }
}

function print(report: CheckReport): void {
  const { counts, generation, problems, problemCounts } = report;
  console.log(
    `${counts.objects} objects in ${counts.buckets} buckets, ${counts.objectBytes} bytes`,
  );
  console.log(`${counts.rows} rows, ${counts.extents} extents, ${counts.records} records verified`);
  const seen = generation.disks.map((one) => one.generation).join(", ");
  console.log(
    `generation ${generation.index} of the index; the data directories have seen ${seen}`,
  );
  console.log(`${counts.unreferencedBytes} bytes wait for compaction`);
  if (counts.unreadableBytes > 0) {
    console.log(`${counts.unreadableBytes} of them can't be read, as a crash may leave them`);
  }
  for (const { kind, where, message } of problems) console.log(`${kind}: ${where}: ${message}`);
  const found = Object.entries(problemCounts).map(([kind, count]) => `${count} ${kind}`);
  console.log(report.isClean ? "No problems." : `Problems: ${found.join(", ")}.`);
}

/** Lines for people. */
export function repairLines(repair: IndexRepair): string[] {
  const { outcome, problems, problemCount, lost, lostCount, missingCount, rowsKept } = repair;
  if (outcome === "sound") return [`The index is not damaged: ${rowsKept} rows verified.`];
  const losses = lostCount + missingCount;
  const lostLines = lost.map(({ row, message }) => `  ${row}: ${message}`);
  const more = losses - lost.length;
  if (more > 0) lostLines.push(`  and ${more} rows whose keys are not known`);
  const found = [`The index is damaged, ${problemCount} problems:`, ...problems.map(indented)];
  switch (outcome) {
    case "repaired":
      return [
        ...found,
        `It was rebuilt with ${rowsKept} rows; ${losses} are lost${losses === 0 ? "." : ":"}`,
        ...lostLines,
        `The damaged index is kept as ${repair.keptFile}.`,
      ];
    case "would_lose":
      return [
        ...found,
        `${rowsKept} rows can be kept. These would be lost:`,
        ...lostLines,
        "Nothing was changed. To go on without these rows: holdfast check --repair --accept-loss",
      ];
    case "impossible":
      return [...found, ...lostLines, `Nothing was changed: ${repair.message}.`];
  }
}

/** Lines about an index whose pages must not be followed. */
export function damageLines({ problems, problemCount }: VerifyReport): string[] {
  return [
    `The index is damaged, ${problemCount} problems:`,
    ...problems.map(({ message }) => indented(message)),
    "The rest was not checked. To rebuild the index from the rows that can be proved: holdfast check --repair",
  ];
}

function indented(text: string): string {
  return `  ${text}`;
}

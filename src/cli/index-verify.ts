import type { CheckReport } from "../control/check.ts";
import { createLog } from "../node/platform/log.ts";
import { createPlatform } from "../node/platform/platform.ts";
import { inspectIndex } from "../node/store/repair-index.ts";
import { checkOpened, damageLines } from "./check.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";
import { Interruption } from "./stop-signal.ts";
import { bytesText } from "./units.ts";
import { TerminalLine } from "./terminal-line.ts";

export const indexVerify: Command = {
  name: "index verify",
  summary: "compare the index of a stopped store with the records of its extents",
  usage: "index verify [--data DIR[,DIR…]] [--json]",
  flags: [
    settingFlag("data"),
    configFlag,
    { name: "json", help: "print the report as one line of JSON" },
  ],
  run: runVerify,
};

async function runVerify(given: GivenFlags): Promise<number> {
  const settings = settingsOf(given);
  const platform = createPlatform({ log: createLog({ level: settings["log-level"] }) });
  using interrupted = new Interruption();
  const line = process.stderr.isTTY ? new TerminalLine() : undefined;
  const json = given.flags.has("json");
  const stopped = { platform, paths: settings.data, signal: interrupted.signal };
  const index = await inspectIndex(stopped);
  if (index.problems.some(({ kind }) => kind !== "row")) {
    console.log(json ? JSON.stringify({ isClean: false, index }) : damageLines(index).join("\n"));
    return exitStatus.failed;
  }
  const report = await checkOpened(stopped, line);
  line?.end();
  if (json) console.log(JSON.stringify(verdictOf(report)));
  else for (const text of verifyLines(report)) console.log(text);
  return verdictOf(report).isClean ? exitStatus.ok : exitStatus.failed;
}

/** What of a check says whether index and records agree. */
export function verdictOf({ counts, problems, problemCounts }: CheckReport) {
  const { stray: strays = 0, ...wrong } = problemCounts;
  const wrongCount = Object.values(wrong).reduce((sum, count) => sum + count, 0);
  return {
    isClean: wrongCount === 0,
    rows: counts.rows,
    extents: counts.extents,
    records: counts.records,
    /** Records without a row: they wait for compaction. */
    unreferencedBytes: counts.unreferencedBytes,
    /** Files without a row: nothing removes them. */
    strays,
    problemCounts: wrong,
    problems,
  };
}

export function verifyLines(report: CheckReport): string[] {
  const { isClean, rows, extents, records, unreferencedBytes, strays, problems, problemCounts } =
    verdictOf(report);
  const found = Object.entries(problemCounts).map(([kind, count]) => `${count} ${kind}`);
  return [
    `${rows} rows of the index compared with ${records} records in ${extents} extents.`,
    `${bytesText(unreferencedBytes)} of records without a row: they are never revived, and wait for compaction.`,
    `${strays} stray files that no row knows: they are kept.`,
    ...problems.map(({ kind, where, message }) => `${kind}: ${where}: ${message}`),
    isClean ? "Every reference is there and matches its record." : `Problems: ${found.join(", ")}.`,
  ];
}

import { StoreError } from "../base/errors.ts";
import { checkStore, type CheckProgress, type CheckReport } from "../control/check.ts";
import { createExtentTable } from "../keymap/extent-table.ts";
import { openKeymap } from "../keymap/open-keymap.ts";
import { createLog } from "../node/log.ts";
import { openStore } from "../node/open-store.ts";
import { createPlatform } from "../node/platform.ts";
import { openStoreDirectories } from "../node/store-directories.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";

export const check: Command = {
  name: "check",
  summary: "verify every checksum and reference of a stopped store",
  usage: "check [--data DIR[,DIR…]] [--json]",
  flags: [
    settingFlag("data"),
    configFlag,
    { name: "json", help: "the whole report as one line of JSON" },
  ],
  run: runCheck,
};

/** Between two lines of progress on a terminal. */
const progressMs = 200;

async function runCheck(given: GivenFlags): Promise<number> {
  const settings = settingsOf(given);
  const platform = createPlatform({ log: createLog({ level: settings["log-level"] }) });
  using store = await openStoreDirectories({ platform, paths: settings.data, mayCreate: false });
  const opened = await openStore(platform, store, () => undefined);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort(new StoreError("cancelled", "the check was stopped"));
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  const progress = process.stderr.isTTY ? showProgress() : undefined;
  try {
    const { engines, disks } = opened.machine;
    const keymap = await openKeymap({ platform, engines, role: "tool", store: store.store });
    const report = await checkStore({
      platform,
      keymap,
      disks,
      table: createExtentTable(keymap),
      signal: stop.signal,
      ...(progress === undefined ? {} : { onProgress: progress }),
    });
    if (progress !== undefined) process.stderr.write("\r\u001b[K");
    print(report, given.flags.has("json"));
    return report.isClean ? exitStatus.ok : exitStatus.failed;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    await opened.close();
  }
}

function print(report: CheckReport, json: boolean): void {
  if (json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { counts, problems, problemCounts } = report;
  console.log(
    `${counts.objects} objects in ${counts.buckets} buckets, ${counts.objectBytes} bytes`,
  );
  console.log(`${counts.rows} rows, ${counts.extents} extents, ${counts.records} records verified`);
  console.log(`${counts.unreferencedBytes} bytes wait for compaction`);
  if (counts.unreadableBytes > 0) {
    console.log(`${counts.unreadableBytes} of them can't be read, as a crash may leave them`);
  }
  for (const { kind, where, message } of problems) console.log(`${kind}: ${where}: ${message}`);
  const found = Object.entries(problemCounts).map(([kind, count]) => `${count} ${kind}`);
  console.log(report.isClean ? "No problems." : `Problems: ${found.join(", ")}.`);
}

function showProgress(): (progress: CheckProgress) => void {
  let nextMs = 0;
  return ({ phase, counts, problems }) => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + progressMs;
    const done = `${counts.rows} rows, ${counts.extents} extents, ${counts.records} records`;
    process.stderr.write(`\r\u001b[Kchecking ${phase}: ${done}, ${problems} problems`);
  };
}

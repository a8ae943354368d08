import { availableParallelism } from "node:os";
import { must } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { createLog } from "../node/platform/log.ts";
import { createPlatform } from "../node/platform/platform.ts";
import { rootKey } from "../node/store/root-key-file.ts";
import { secretsKey } from "../node/store/secrets-key-file.ts";
import { endGeneration, openStoreDirectories } from "../node/store/store-directories.ts";
import { Supervisor } from "../node/process/supervisor.ts";
import { readTlsPair, tlsFilesOf } from "../node/http/tls-files.ts";
import { verifyIndex } from "../node/store/verify-index.ts";
import { version } from "../node/version.ts";
import { settingNames } from "../server/settings.ts";
import { banner, readyEvent } from "./banner.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";
import { untilStopped } from "./stop-signal.ts";

export const serve: Command = {
  name: "serve",
  summary: "serve S3 from data directories",
  usage: "serve [--data DIR[,DIR…]] [--listen HOST:PORT] [FLAGS]",
  flags: [
    ...settingNames.map(settingFlag),
    configFlag,
    { name: "json", help: "print events and log as lines of JSON, for programs" },
  ],
  run: runServe,
};

/** The mask of rights for what is created: what the store holds is nobody else's to read. */
const ownerOnly = 0o077;

async function runServe(given: GivenFlags): Promise<number> {
  const settings = settingsOf(given);
  const jsonLog = given.flags.has("json");
  const say = (text: string): void => {
    if (!jsonLog) console.log(text);
  };
  process.umask(ownerOnly); // for the workers too, which inherit it
  const tls = tlsFilesOf(settings["tls-cert"], settings["tls-key"]);
  if (tls !== undefined) readTlsPair(tls); // before anything is locked or made: to say now what is wrong
  const style = jsonLog ? "json" : undefined;
  const log = createLog({ level: settings["log-level"], style });
  const platform = createPlatform({ log });
  say(`Holdfast ${version()}: opening ${settings.data.join(", ")}`);
  using store = await openStoreDirectories({ platform, paths: settings.data, mayCreate: true });
  const [first] = store.directories;
  const directory = must(first, "a store has a data directory").path;
  const key = rootKey(directory, process.env, platform.random);
  const workers = settings.workers === 0 ? availableParallelism() : settings.workers;
  say(store.isNew ? "made a new store; starting its processes" : "starting its processes");
  const supervisor = new Supervisor({
    platform,
    location: {
      store: store.store,
      directories: store.directories,
      generation: store.generation,
    },
    settings,
    workers,
    rootKey: key.key,
    secretsKey: toHex(secretsKey(directory, platform.random)),
    jsonLog,
    onReady: (port) => {
      const served = { settings, port, rootKey: key };
      if (jsonLog) console.log(JSON.stringify(readyEvent(served)));
      else console.log(banner(served, process.stdout.isTTY));
    },
    verifyIndex: () => verifyIndex(platform, store),
  });
  const tell = (event: string, text: string): void => {
    // On a terminal the text is enough; a log that goes elsewhere has it too.
    if (!process.stdout.isTTY || !process.stderr.isTTY) log("info", event, {});
    say(text);
  };
  await supervisor.run(stopSignal(supervisor, settings.drain, tell));
  await endGeneration(platform, store);
  tell("stopped", "stopped");
  return exitStatus.ok;
}

function stopSignal(
  supervisor: Supervisor,
  drainMs: number,
  tell: (event: string, text: string) => void,
): AbortSignal {
  const drain = `${Math.round(drainMs / 1000)} s`;
  return untilStopped({
    stopping: () => tell("stopping", `stopping: requests under way have ${drain} to finish`),
    endAtOnce: () => {
      tell("ending_at_once", "asked to stop again: ending at once");
      supervisor.kill();
      process.exit(exitStatus.failed);
    },
  });
}

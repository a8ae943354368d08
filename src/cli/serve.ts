import { availableParallelism } from "node:os";
import { must } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { createLog } from "../node/log.ts";
import { createPlatform } from "../node/platform.ts";
import { rootKey } from "../node/root-key-file.ts";
import { sealingKey } from "../node/sealing-key-file.ts";
import { endGeneration, openStoreDirectories } from "../node/store-directories.ts";
import { Supervisor } from "../node/supervisor.ts";
import { readTlsPair, tlsFilesOf } from "../node/tls-files.ts";
import { verifyIndex } from "../node/verify-index.ts";
import { version } from "../node/version.ts";
import { settingNames } from "../server/settings.ts";
import { banner, readyEvent } from "./banner.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";

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
    sealingKey: toHex(sealingKey(directory, platform.random)),
    jsonLog,
    onReady: (port) => {
      const served = { settings, port, rootKey: key };
      if (jsonLog) console.log(JSON.stringify(readyEvent(served)));
      else console.log(banner(served, process.stdout.isTTY));
    },
    verifyIndex: () => verifyIndex(platform, store),
  });
  await supervisor.run(stopSignal(() => supervisor.kill()));
  await endGeneration(platform, store);
  return exitStatus.ok;
}

/** Aborts at the first request to end; the second ends everything at once. */
function stopSignal(kill: () => void): AbortSignal {
  const stop = new AbortController();
  const onSignal = (): void => {
    if (stop.signal.aborted) {
      kill();
      process.exit(exitStatus.failed);
    }
    stop.abort();
  };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, onSignal);
  // Started through a channel (by bin/holdfast.js on an old Node): whoever holds the other end has gone.
  process.once("disconnect", () => stop.abort());
  process.channel?.unref();
  return stop.signal;
}

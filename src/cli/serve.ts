import { availableParallelism } from "node:os";
import { must } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { createLog } from "../node/log.ts";
import { createPlatform } from "../node/platform.ts";
import { type FoundRootKey, rootKey } from "../node/root-key-file.ts";
import { sealingKey } from "../node/sealing-key-file.ts";
import { openStoreDirectories } from "../node/store-directories.ts";
import { Supervisor } from "../node/supervisor.ts";
import { readTlsPair, tlsFilesOf } from "../node/tls-files.ts";
import { verifyIndex } from "../node/verify-index.ts";
import { settingNames, type Settings } from "../server/settings.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { localEndpoint } from "./connection.ts";
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

async function runServe(given: GivenFlags): Promise<number> {
  const settings = settingsOf(given);
  const tls = tlsFilesOf(settings["tls-cert"], settings["tls-key"]);
  if (tls !== undefined) readTlsPair(tls); // each worker reads it for itself: this is to say now what is wrong
  const jsonLog = given.flags.has("json");
  const style = jsonLog ? "json" : undefined;
  const log = createLog({ level: settings["log-level"], style });
  const platform = createPlatform({ log });
  using store = await openStoreDirectories({ platform, paths: settings.data, mayCreate: true });
  const [first] = store.directories;
  const directory = must(first, "a store has a data directory").path;
  const key = rootKey(directory, process.env, platform.random);
  const supervisor = new Supervisor({
    platform,
    location: { store: store.store, directories: store.directories },
    settings,
    workers: settings.workers === 0 ? availableParallelism() : settings.workers,
    rootKey: key.key,
    sealingKey: toHex(sealingKey(directory, platform.random)),
    jsonLog,
    onReady: (port) => announce(settings, port, key, jsonLog),
    verifyIndex: () => verifyIndex(platform, store),
  });
  await supervisor.run(stopSignal(() => supervisor.kill()));
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

function announce(settings: Settings, port: number, found: FoundRootKey, json: boolean): void {
  const { listen, region } = settings;
  const endpoint = localEndpoint({ ...listen, port }, settings["tls-cert"] !== "");
  const { key, from, path } = found;
  if (json) {
    const secret = from === "generated" ? { secretAccessKey: key.secretAccessKey } : {};
    const event = {
      event: "ready",
      endpoint,
      port,
      region,
      accessKeyId: key.accessKeyId,
      ...secret,
    };
    console.log(JSON.stringify({ ...event, pid: process.pid }));
    return;
  }
  const secret = {
    generated: `${key.secretAccessKey}   (shown this once; kept in ${path})`,
    file: `in ${path}`,
    environment: "as given in HOLDFAST_ROOT_SECRET_ACCESS_KEY",
  }[from];
  console.log(`
Holdfast serves ${settings.data.join(", ")}

  Endpoint    ${endpoint}
  Region      ${region}
  Access key  ${key.accessKeyId}
  Secret key  ${secret}

Try it with the AWS CLI:

  export AWS_ACCESS_KEY_ID=${key.accessKeyId} AWS_DEFAULT_REGION=${region} AWS_ENDPOINT_URL=${endpoint}
  export AWS_SECRET_ACCESS_KEY=${from === "generated" ? key.secretAccessKey : "…"}
  aws s3 mb s3://first && aws s3 sync . s3://first/
`);
}

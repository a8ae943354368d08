import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { must } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { readTlsPair, tlsFilesOf } from "../node/http/tls.ts";
import { createLog } from "../node/platform/log.ts";
import { createPlatform } from "../node/platform/platform.ts";
import { Supervisor } from "../node/process/supervisor.ts";
import { type FoundRootKey, rootKey, secretsKey } from "../node/store/key-files.ts";
import { ServerFile } from "../node/store/server-file.ts";
import { endGeneration, openStoreDirectories } from "../node/store/store-directories.ts";
import { verifyIndex } from "../node/store/repair-index.ts";
import { version } from "../node/version.ts";
import { settingNames, type Settings } from "../server/settings.ts";
import { shellWord } from "./env.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { localEndpoint } from "./connection.ts";
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
  // Before anything is locked or made: to say now what is wrong.
  if (tls !== undefined) readTlsPair(tls);
  const style = jsonLog ? "json" : undefined;
  const log = createLog({ level: settings["log-level"], style });
  const platform = createPlatform({ log });
  say(`Holdfast ${version()}: opening ${settings.data.join(", ")}`);
  using store = await openStoreDirectories({ platform, paths: settings.data, mayCreate: true });
  const [first] = store.directories;
  const directory = must(first, "a store has a data directory").path;
  const key = rootKey(directory, process.env, platform.random);
  using serverFile = new ServerFile(directory, log);
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
      serverFile.write({ endpoint: endpointOf(served), region: settings.region });
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
  finishMs: number,
  tell: (event: string, text: string) => void,
): AbortSignal {
  const time = `${Math.round(finishMs / 1000)} s`;
  return untilStopped({
    stopping: () => tell("stopping", `stopping: requests under way have ${time} to finish`),
    endAtOnce: () => {
      tell("ending_at_once", "asked to stop again: ending at once");
      supervisor.kill();
      process.exit(exitStatus.failed);
    },
  });
}

export interface Served {
  readonly settings: Settings;
  readonly port: number;
  readonly rootKey: FoundRootKey;
}

function endpointOf({ settings, port }: Pick<Served, "settings" | "port">): string {
  return localEndpoint({ ...settings.listen, port }, settings["tls-cert"] !== "");
}

/**
 * The line of JSON that says the server is ready. It never holds the secret: it names the file that
 * does.
 */
export function readyEvent({ settings, port, rootKey }: Served): object {
  return {
    event: "ready",
    endpoint: endpointOf({ settings, port }),
    port,
    region: settings.region,
    accessKeyId: rootKey.key.accessKeyId,
    ...(rootKey.from === "environment" ? {} : { credentialsFile: rootKey.path }),
    pid: process.pid,
  };
}

/**
 * The text that `serve` prints once it is ready. A new secret is printed on a terminal only: what
 * is redirected ends in files and logs that others read. The lines to try can be pasted in any
 * folder, and again after each start: they upload one line of text and nothing of the folder they
 * are pasted in.
 */
export function banner(served: Served, isTerminal: boolean): string {
  const { settings, rootKey } = served;
  const isSecure = settings["tls-cert"] !== "";
  const endpoint = endpointOf(served);
  return `
Holdfast serves ${settings.data.join(", ")}

  Endpoint    ${endpoint}
  Region      ${settings.region}
  Access key  ${rootKey.key.accessKeyId}
  Secret key  ${secretText(rootKey, isTerminal)}

Try it with the AWS CLI, in another terminal:

  ${environmentLine(settings, endpoint, isSecure)}
  aws s3 mb s3://first
  echo "Hello from Holdfast" | aws s3 cp - s3://first/hello.txt
  aws s3 cp s3://first/hello.txt -
`;
}

function secretText({ key, from, path }: FoundRootKey, isTerminal: boolean): string {
  if (from === "environment") return "as given in HOLDFAST_ROOT_SECRET_ACCESS_KEY";
  if (from === "file" || !isTerminal) return `in ${path}`;
  return `${key.secretAccessKey}   (shown this once; kept in ${path})`;
}

/** Sets the variables of S3 clients in a shell, whatever folder it is in. */
function environmentLine(settings: Settings, endpoint: string, isSecure: boolean): string {
  const program = resolve(import.meta.dirname, "../../bin/holdfast.js");
  const words = [program, "env", "--data", resolve(settings.data[0] ?? ""), "--endpoint", endpoint];
  words.push("--region", settings.region);
  if (isSecure) words.push("--tls-cert", resolve(settings["tls-cert"]));
  return `eval "$(${words.map(shellWord).join(" ")})"`;
}

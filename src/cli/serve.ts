import { availableParallelism } from "node:os";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { StoreError } from "../base/errors.ts";
import { storeIdentityFile } from "../format/data-directory.ts";
import { must } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { idText } from "../format/ids.ts";
import type { LogFields, Platform } from "../platform/platform.ts";
import { shippingAccessOf } from "../node/client/shipping-target.ts";
import { readTlsPair, tlsFilesOf } from "../node/http/tls.ts";
import { createLog } from "../node/platform/log.ts";
import { createPlatform } from "../node/platform/platform.ts";
import { Supervisor, type SupervisorOptions } from "../node/process/supervisor.ts";
import {
  type FoundRootKey,
  requireKeyFiles,
  rootKey,
  secretsKey,
  spreadKeyFiles,
} from "../node/store/key-files.ts";
import type { IndexPlace } from "../node/store/index-log.ts";
import { ServerFile } from "../node/store/server-file.ts";
import {
  beginLog,
  endGeneration,
  type LockedStore,
  openStoreDirectories,
} from "../node/store/store-directories.ts";
import { handOverIndex } from "../node/store/index-move.ts";
import type { StoreDirectory, StoreLocation } from "../node/store/store-location.ts";
import { type TakeoverOptions, takeOverServed } from "../node/store/index-takeover.ts";
import { version } from "../node/version.ts";
import type { ShippingPlace } from "../server/setting-values.ts";
import { settingNames, type Settings } from "../server/settings.ts";
import { shellWord } from "./env.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { caTrust, localEndpoint } from "./connection.ts";
import { configFlag, settingFlag, settingsOf } from "./setting-flags.ts";
import { untilStopped } from "./stop-signal.ts";

export const serve: Command = {
  name: "serve",
  summary: "serve S3 from data directories",
  usage: "serve [--data DIR[,DIR…]] [--listen HOST:PORT] [FLAGS]",
  flags: [
    ...settingNames.map(settingFlag),
    configFlag,
    {
      name: "accept-loss",
      help: "start also where missing disks may have the last commits of the index",
    },
    {
      name: "new-keys",
      help: "make new keys where their files are lost: access keys then have to be made again",
    },
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
  const shippingAccess = shippingAccessOf(settings["ship-index"], process.env, caTrust(given));
  requireShipDirectory(settings["ship-index"]);
  const onProgress = progressOf(say);
  const opened = await openStore(given, platform, onProgress);
  using store = opened.store;
  const [first] = store.directories;
  const directory = must(first, "a store has a data directory").path;
  const directories = store.directories.map(({ path }) => path);
  spreadKeyFiles(directories, log); // the disk that they were on may be lost
  const kept = rootKey(directory, process.env);
  const key: FoundRootKey = opened.hasNewRootKey ? { ...kept, from: "generated" } : kept;
  using serverFile = new ServerFile(directory, log);
  const workers = settings.workers === 0 ? availableParallelism() : settings.workers;
  for (const { text, event, fields } of disksAtStart(store)) {
    say(text);
    log("warn", event, fields);
  }
  say(store.isNew ? "made a new store; starting its processes" : "starting its processes");
  const secrets = toHex(secretsKey(directory));
  const supervisor = new Supervisor({
    platform,
    location: {
      store: store.store,
      directories: store.directories,
      known: store.known,
      generation: store.generation,
    },
    served: store.served,
    settings,
    workers,
    rootKey: key.key,
    secretsKey: secrets,
    shippingAccess,
    jsonLog,
    onReady: (port) => {
      const served = { settings, port, rootKey: key, directory };
      serverFile.write({ endpoint: endpointOf(served), region: settings.region });
      if (jsonLog) console.log(JSON.stringify(readyEvent(served)));
      else console.log(banner(served, process.stdout.isTTY));
    },
    ...indexChanges(store, { platform, onProgress, serverFile }),
  });
  const tell = (event: string, text: string): void => {
    // On a terminal the text is enough; a log that goes elsewhere has it too.
    if (!process.stdout.isTTY || !process.stderr.isTTY) log("info", event, {});
    say(text);
  };
  await supervisor.run(stopSignal(supervisor, settings.drain, tell));
  if (supervisor.hasLetGoOfIndex) await endGeneration(platform, locationNow(store));
  else log("warn", "index_left_open", { meaning: "the next start takes it up as after a kill" });
  tell("stopped", "stopped");
  return exitStatus.ok;
}

/** What the supervisor does with the index while every process is stopped. */
function indexChanges(
  store: LockedStore,
  {
    platform,
    onProgress,
    serverFile,
  }: Pick<TakeoverOptions, "platform" | "onProgress"> & { readonly serverFile: ServerFile },
): Pick<SupervisorOptions, "recoverIndex" | "beginLog" | "moveIndex"> {
  const onMoved = (home: StoreDirectory): void => {
    store.served.moveHome(home);
    serverFile.moveTo(home.path);
  };
  return {
    recoverIndex: async (signal, hangs) => {
      const { served } = store;
      const now = (): StoreLocation => locationNow(store);
      const options = { platform, served, locationNow: now, onProgress, signal, hangs };
      onMoved(await takeOverServed(options));
    },
    beginLog: () => beginLog(platform, locationNow(store)),
    moveIndex: (disk) => {
      const location = locationNow(store);
      return handOverIndex({ platform, location, onProgress, onMoved }, disk);
    },
  };
}

interface OpenedStore {
  readonly store: LockedStore;
  /** Made just now, and shown this once. */
  readonly hasNewRootKey: boolean;
}

/** The data directories, locked; the files of the keys are on one of them, if not yet on all. */
async function openStore(
  given: GivenFlags,
  platform: Platform,
  onProgress: IndexPlace["onProgress"],
): Promise<OpenedStore> {
  let hasNewRootKey = false;
  const store = await openStoreDirectories({
    platform,
    paths: settingsOf(given).data,
    mayCreate: true,
    acceptLoss: given.flags.has("accept-loss"),
    onProgress,
    beforeIndex: (directories, wasServed) => {
      const mayMake = !wasServed || given.flags.has("new-keys");
      const { random } = platform;
      hasNewRootKey = requireKeyFiles({ directories, mayMake, environment: process.env, random });
    },
  });
  return { store, hasNewRootKey };
}

/** A directory of its own, made where it is not there. */
function requireShipDirectory(place: ShippingPlace | undefined): void {
  if (place?.kind !== "directory") return;
  const { path } = place;
  if (existsSync(join(path, storeIdentityFile))) {
    throw new StoreError("invalid", `--ship-index: ${path} is a data directory: name another`);
  }
  mkdirSync(path, { recursive: true });
}

/** @limit Time between lines that say how far the index is made again. */
const progressMs = 1000;

/** Says how far the index is, from a second after the beginning on: most starts take less. */
function progressOf(say: (text: string) => void): IndexPlace["onProgress"] {
  let nextMs = performance.now() + progressMs;
  return (stage, done, of) => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + progressMs;
    say(
      `recovering the index: ${stage}${done === 0 ? "" : `, ${done}`}${of === 0 ? "" : ` of ${of}`}`,
    );
  };
}

/** The store with the directories that it has by now. */
function locationNow(store: LockedStore): StoreLocation {
  const { served, generation } = store;
  const known = served.current.length + served.missing.length;
  return { store: store.store, directories: served.current, known, generation };
}

interface Said {
  readonly text: string;
  readonly event: string;
  readonly fields: LogFields;
}

/** What an operator must know of the disks: which are missing, and that one disk is no redundancy. */
function disksAtStart({ served, silent }: LockedStore): readonly Said[] {
  const { current, missing } = served;
  const count = current.length + missing.length;
  const meaning = "what is only on it cannot be read until it is back, and is not lost";
  const said: Said[] = missing.map(({ path, disk }) => {
    const hangs = silent.includes(path);
    const place = hangs
      ? `gives no answer, mounted at ${path}`
      : `is missing, last mounted at ${path}`;
    const mend = hangs ? "see to the disk and its cable" : "mount it";
    const fix = `${mend} (it is taken in without a restart), or replace it: holdfast disk replace`;
    const what = `DEGRADED: a disk of ${count} ${place}`;
    const fields = { disk: path, id: idText(disk), hangs, meaning, fix };
    return { text: `${what}: ${meaning}. To mend it: ${fix}`, event: "disk_missing", fields };
  });
  if (count > 1) return said;
  const text =
    "One disk: there is no redundancy; its loss loses everything. More: holdfast disk add";
  return [{ text, event: "no_redundancy", fields: { disks: count } }];
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
  /** The data directory that holds the index. */
  readonly directory: string;
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

  ${environmentLine(served, endpoint, isSecure)}
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
function environmentLine(
  { settings, directory }: Served,
  endpoint: string,
  isSecure: boolean,
): string {
  const program = resolve(import.meta.dirname, "../../bin/holdfast.js");
  const words = [program, "env", "--data", directory, "--endpoint", endpoint];
  words.push("--region", settings.region);
  if (isSecure) words.push("--tls-cert", resolve(settings["tls-cert"]));
  return `eval "$(${words.map(shellWord).join(" ")})"`;
}

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { StoreError } from "../../base/errors.ts";
import { decodeStoreIdentity, type StoreIdentity } from "../../format/data-directory.ts";
import type { Clock } from "../../platform/platform.ts";
import { stillMsMax, within } from "../../platform/within.ts";
import { answerMs } from "./directory-looks.ts";
import type { ReadIdentity } from "./identity-reader.ts";

const readerPath = fileURLToPath(new URL("identity-reader.ts", import.meta.url));

/**
 * The data directory that holds the index, for commands that are given some of a store: one of
 * them, or one that they know of. The first that answers where none is known to hold it. StoreError
 * `unavailable` where no disk answers.
 */
export async function indexDirectoryOf(clock: Clock, paths: readonly string[]): Promise<string> {
  const given = await identitiesIn(clock, paths);
  const home = homeIn(given);
  if (home !== undefined) return home;
  const [first] = paths.filter((path) => given.has(path));
  if (first === undefined) {
    const fix = "see to the disk and its cable, or name the other data directories with --data";
    throw new StoreError("unavailable", `${paths.join(", ")}: no answer: ${fix}`);
  }
  const others = [...given.values()].flatMap((identity) => identity?.otherDirectories ?? []);
  const more = [...new Set(others)].filter((path) => !paths.includes(path));
  return homeIn(await identitiesIn(clock, more)) ?? first;
}

type Identities = ReadonlyMap<string, StoreIdentity | undefined>;

function homeIn(identities: Identities): string | undefined {
  return [...identities].find(([, identity]) => identity?.holdsIndex === true)?.[0];
}

/**
 * The identities in directories, all looked at at once, until one of them holds the index or those
 * that are left have had their time. Another process reads them: one that waits for a disk that
 * hangs cannot exit.
 */
async function identitiesIn(clock: Clock, paths: readonly string[]): Promise<Identities> {
  const found = new Map<string, StoreIdentity | undefined>();
  if (paths.length === 0) return found;
  const reader = fork(readerPath, paths, {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    // Each that hangs holds a thread.
    env: { ...process.env, UV_THREADPOOL_SIZE: String(paths.length + 1) },
  });
  const [one, enough] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  reader.on("message", ({ path, text }: ReadIdentity) => {
    found.set(path, identityOf(path, text));
    one.resolve();
    if (found.size === new Set(paths).size || homeIn(found) !== undefined) enough.resolve();
  });
  reader.on("error", enough.reject);
  reader.once("exit", () => enough.resolve());
  try {
    // As at a start (eachWithin), the time that they have begins with the first answer.
    await within(clock, stillMsMax, Promise.race([one.promise, enough.promise]));
    if (found.size > 0) await within(clock, answerMs, enough.promise);
    return found;
  } finally {
    reader.kill("SIGKILL");
    reader.unref();
    if (reader.connected) reader.disconnect();
  }
}

function identityOf(path: string, text: string | undefined): StoreIdentity | undefined {
  try {
    return text === undefined ? undefined : decodeStoreIdentity(text, path);
  } catch {
    return undefined; // who opens the directory says what is wrong with it
  }
}

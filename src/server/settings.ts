import { isStoreError, StoreError } from "../base/errors.ts";
import { suggestion } from "../base/nearest.ts";
import { chunkBytesMax, extentBytesMax } from "../format/limits.ts";
import type { LogLevel } from "../platform/platform.ts";
import {
  parseBytes,
  parseChoice,
  parseCount,
  parseDomains,
  parseDuration,
  parseEndpoint,
  parseList,
  parseListen,
  parsePercent,
  parseRegion,
  parseShippingPlace,
  parseText,
  type ParseSetting,
} from "./setting-values.ts";

/*
 * Every number and name an operator may choose, as data. A setting has one name, which is its flag
 * (--seal-after), its variable (HOLDFAST_SEAL_AFTER) and its line in the configuration file
 * (seal-after = 5m). The flag wins over the variable, the variable over the file, the file over the
 * default. What is not known is refused, never ignored: a misspelt setting that seems to work is
 * worse than one that fails.
 */

interface Definition<T> {
  /** The name of the flag's value, for help. */
  readonly value: string;
  readonly help: string;
  /** The default, as an operator would write it. */
  readonly default: string;
  readonly parse: ParseSetting<T>;
}

function define<T>(
  value: string,
  fallback: string,
  help: string,
  parse: ParseSetting<T>,
): Definition<T> {
  return { value, help, default: fallback, parse };
}

const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** @limit More front-end processes than this share a machine's disks no better. */
const workersMax = 64;

/**
 * @limit A process can have so many; the open files that the system allows are the nearer bound.
 */
const connectionsMax = 100_000;
/**
 * @limit Each may hold 64 KiB of an upload and as much of an answer: 2 GiB at the most a process.
 */
const requestsMax = 16_384;

/** @limit Ten years: past that, 0 is what is meant. */
const uploadIdleDaysMax = 3650;

/** @limit Two chunks: smaller extents would hold one record each, and be a file for each chunk. */
const extentBytesMin = 2 * chunkBytesMax;

/** @limit A coded extent has a dozen files or more: below this each would hold a few blocks. */
const codedBytesMin = 1024 * 1024;

/** @limit A year: damage that is found later may have come to all members by then. */
const scrubDaysMax = 365;

const minute = 60_000;

/** @limit A year, which is longer than disks have space for. */
const restoreWindowMsMax = 366 * 24 * 60 * minute;

export const settingDefinitions = {
  data: define(
    "DIR[,DIR…]",
    "./data",
    "data directories; the first also holds the index",
    parseList,
  ),
  listen: define(
    "HOST:PORT",
    "127.0.0.1:9000",
    "address and port to listen on; port 0 takes a free port",
    parseListen,
  ),
  region: define("NAME", "us-east-1", "region name of this store", parseRegion),
  domain: define(
    "NAME[,NAME…]",
    "",
    "host names whose subdomains are buckets (bucket.NAME)",
    parseDomains,
  ),
  "signature-v2": define(
    "on|off",
    "on",
    "accept the old Signature V2 as well as V4",
    parseChoice(["on", "off"] as const),
  ),
  workers: define("N", "0", "front-end processes; 0 for one per core", parseCount(0, workersMax)),
  "log-level": define("LEVEL", "info", "debug, info, warn or error", parseChoice(logLevels)),
  "request-log": define(
    "WHICH",
    "errors",
    "requests that are logged: off, errors or all",
    parseChoice(["off", "errors", "all"] as const),
  ),
  "seal-after": define(
    "TIME",
    "5m",
    "age at which an open extent is sealed",
    parseDuration(1000, 24 * 60 * minute),
  ),
  "extent-size": define(
    "SIZE",
    "256MiB",
    "size at which an open extent is sealed",
    parseBytes(extentBytesMin, extentBytesMax),
  ),
  "code-from": define(
    "SIZE",
    "64MiB",
    "live bytes from which a sealed extent is coded; smaller ones are merged first",
    parseBytes(codedBytesMin, extentBytesMax),
  ),
  "background-share": define(
    "PERCENT",
    "20%",
    "share of the measured bandwidth for repair, coding and scrub while clients are active",
    parsePercent(1, 100),
  ),
  "repair-after": define(
    "TIME",
    "10m",
    "time a disk may be missing before its members are made on other disks",
    parseDuration(1000, 24 * 60 * minute),
  ),
  "scrub-days": define(
    "DAYS",
    "14",
    "days within which everything on the disks is read and verified",
    parseCount(1, scrubDaysMax),
  ),
  reserve: define(
    "SIZE",
    "320MiB",
    "free space in each data directory kept for deletes and compaction",
    parseBytes(0),
  ),
  "compact-at": define(
    "PERCENT",
    "33%",
    "share of dead bytes at which an extent is compacted",
    parsePercent(5, 95),
  ),
  "tls-cert": define(
    "FILE",
    "",
    "serve https with this certificate and its chain (PEM file); reloaded when it changes",
    parseText,
  ),
  "tls-key": define("FILE", "", "private key of that certificate (PEM file)", parseText),
  connections: define(
    "N",
    "4096",
    "connections per front-end process; more get 503 SlowDown",
    parseCount(1, connectionsMax),
  ),
  requests: define(
    "N",
    "1024",
    "concurrent requests per front-end process; more get 503 SlowDown",
    parseCount(1, requestsMax),
  ),
  "requests-per-key": define(
    "N",
    "768",
    "concurrent requests per access key and process; more get 503 SlowDown",
    parseCount(1, requestsMax),
  ),
  "upload-idle-days": define(
    "DAYS",
    "7",
    "days after which an idle multipart upload is removed; 0 keeps all",
    parseCount(0, uploadIdleDaysMax),
  ),
  "verify-index-every": define(
    "TIME",
    "24h",
    "interval between background verifications of the whole index",
    parseDuration(1000, 30 * 24 * 60 * minute),
  ),
  "ship-index": define(
    "DIR|s3://BUCKET/PREFIX",
    "",
    "directory or bucket that the index is shipped to, within seconds; off if empty",
    parseShippingPlace,
  ),
  "ship-index-endpoint": define("URL", "", "S3 server of that bucket; AWS if empty", parseEndpoint),
  "ship-index-region": define("NAME", "us-east-1", "region of that bucket", parseRegion),
  "restore-window": define(
    "TIME",
    "0s",
    "time that what was deleted is kept, so that the index can be restored to a time in it",
    parseDuration(0, restoreWindowMsMax),
  ),
  "worker-silence": define(
    "TIME",
    "8s",
    "time without a heartbeat after which a process is killed and replaced",
    parseDuration(3000, 60 * minute),
  ),
  "worker-memory": define(
    "SIZE",
    "1GiB",
    "private memory past which a process finishes its requests and is replaced",
    parseBytes(64 * 1024 * 1024),
  ),
  drain: define(
    "TIME",
    "20s",
    "time that requests under way have to finish at a stop",
    parseDuration(0, 60 * minute),
  ),
};

type Definitions = typeof settingDefinitions;
export type SettingName = keyof Definitions;
export type Settings = {
  readonly [Name in SettingName]: Definitions[Name] extends Definition<infer T> ? T : never;
};

// The cast holds, since these are the keys of the record.
export const settingNames = Object.keys(settingDefinitions) as readonly SettingName[];

const prefix = "HOLDFAST_";

export function environmentName(name: string): string {
  return prefix + name.toUpperCase().replaceAll("-", "_");
}

/** Variables of ours that are no settings: secrets, and what the other commands take. */
const otherVariables: readonly string[] = [
  "HOLDFAST_CA",
  "HOLDFAST_CONFIG",
  "HOLDFAST_ENDPOINT",
  "HOLDFAST_ROOT_ACCESS_KEY_ID",
  "HOLDFAST_ROOT_SECRET_ACCESS_KEY",
  "HOLDFAST_SHIP_INDEX_ACCESS_KEY_ID",
  "HOLDFAST_SHIP_INDEX_SECRET_ACCESS_KEY",
];

/**
 * Kubernetes sets these in every pod of a namespace with a service called "holdfast"; they are not
 * meant for us.
 */
const kubernetes = /^HOLDFAST_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?)$/;

export interface SettingSources {
  /** Values of flags by the setting's name. */
  readonly flags: ReadonlyMap<string, string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file?: { readonly path: string; readonly text: string } | undefined;
}

interface Given {
  readonly text: string;
  /** The source of the value, for messages: --listen, HOLDFAST_LISTEN or holdfast.conf:3. */
  readonly where: string;
}

/**
 * StoreError `invalid` for what is unknown or not acceptable, with where it stands and what would
 * be.
 */
export function resolveSettings(sources: SettingSources): Settings {
  const given = new Map<string, Given>();
  if (sources.file !== undefined) readFile(sources.file.path, sources.file.text, given);
  readEnvironment(sources.environment, given);
  for (const [name, text] of sources.flags) given.set(name, { text, where: `--${name}` });
  const resolved: Partial<Record<SettingName, unknown>> = {};
  for (const name of settingNames) resolved[name] = valueOf(name, given.get(name));
  return resolved as Settings; // each definition parsed its own
}

function valueOf(name: SettingName, given: Given | undefined): unknown {
  const { parse, default: fallback } = settingDefinitions[name];
  if (given === undefined) return parse(fallback);
  try {
    return parse(given.text);
  } catch (error) {
    if (!isStoreError(error)) throw error;
    throw new StoreError("invalid", `${given.where}: ${error.message}`, { cause: error });
  }
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(settingDefinitions, name);
}

function readFile(path: string, text: string, into: Map<string, Given>): void {
  const seen = new Set<string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const where = `${path}:${index + 1}`;
    const equals = line.indexOf("=");
    if (equals < 0) throw new StoreError("invalid", `${where}: write "name = value"`);
    const name = line.slice(0, equals).trim();
    if (!isSetting(name)) {
      const hint = suggestion(name, settingNames);
      throw new StoreError("invalid", `${where}: there is no setting "${name}"${hint}`);
    }
    if (seen.has(name)) throw new StoreError("invalid", `${where}: "${name}" is set twice`);
    seen.add(name);
    into.set(name, { text: line.slice(equals + 1).trim(), where });
  }
}

function readEnvironment(
  environment: SettingSources["environment"],
  into: Map<string, Given>,
): void {
  const names = new Map(settingNames.map((name) => [environmentName(name), name]));
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(prefix) || text === undefined) continue;
    const name = names.get(variable);
    if (name !== undefined) {
      into.set(name, { text, where: variable });
    } else if (!otherVariables.includes(variable) && !kubernetes.test(variable)) {
      const hint = suggestion(variable, [...names.keys(), ...otherVariables]);
      throw new StoreError(
        "invalid",
        `${variable}: Holdfast has no such variable${hint}; unset it`,
      );
    }
  }
}

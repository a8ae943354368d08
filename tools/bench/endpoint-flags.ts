import { randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { number, oneOf, whole } from "./flag-values.ts";
import { type Choice, keyPatterns } from "./load/key-space.ts";
import { type Operation, operations, type Plan } from "./load/plan.ts";
import { parseShares, parseSize, type Shares } from "./load/shares.ts";

const flagOptions = {
  endpoint: { type: "string" },
  workload: { type: "string", default: "mixed" },
  mix: { type: "string", default: "get:70,put:20,list:5,delete:5" },
  size: { type: "string", default: "4KiB" },
  keys: { type: "string", default: "2000" },
  pattern: { type: "string", default: "sequential" },
  choose: { type: "string", default: "uniform" },
  concurrency: { type: "string", default: "64" },
  processes: { type: "string", default: "2" },
  seconds: { type: "string" },
  count: { type: "string" },
  warmup: { type: "string" },
  verify: { type: "string", default: "1" },
  payload: { type: "string", default: "unsigned" },
  "page-keys": { type: "string", default: "1000" },
  delimiter: { type: "string", default: "" },
  "part-size": { type: "string", default: "8MiB" },
  "range-size": { type: "string", default: "4KiB" },
  seed: { type: "string" },
  bucket: { type: "string" },
  prefix: { type: "string" },
  loaded: { type: "boolean", default: false },
  keep: { type: "boolean", default: false },
  region: { type: "string" },
  "access-key-id": { type: "string" },
  "secret-access-key": { type: "string" },
  "session-token": { type: "string" },
  "virtual-host": { type: "boolean", default: false },
  insecure: { type: "boolean", default: false },
  ca: { type: "string" },
  timeout: { type: "string", default: "30" },
  "server-pid": { type: "string" },
  json: { type: "boolean", default: false },
  svg: { type: "string" },
} as const;

export const endpointHelp = `npm run bench -- --endpoint URL [flags]: puts the load of many
clients on any S3 store

What is done
  --workload NAME     ${operations.join(", ")} or mixed (mixed)
  --mix SHARES        of a mixed workload (get:70,put:20,list:5,delete:5)
  --size SIZES        of the objects: 64MiB, or shares as 4KiB:80,1MiB:20 (4KiB)
  --keys N            objects (2000)
  --pattern NAME      of their keys: ${keyPatterns.join(", ")} (sequential)
  --choose HOW        what reads choose: uniform, or zipf:SKEW (uniform)
  --page-keys N, --delimiter D, --part-size SIZE, --range-size SIZE (1000, none, 8MiB, 4KiB)
How much
  --concurrency N     requests at a time (64), from --processes N (2)
  --seconds N         after a warm-up of --warmup N (10 after 2), or
  --count N           operations, without warm-up
  --verify SHARE      of reads whose bytes are compared, 0 to 1 (1)
  --payload HOW       of signatures: unsigned, signed (unsigned)
  --timeout N         seconds without a byte (30)
Where
  --bucket NAME       one that is there (else one is made, and removed)
  --prefix P          of all keys (in a bucket that is there: a new one)
  --loaded            the objects are there, of an earlier run with --keep and the same
                      --seed N, --keys, --size
  --keep              leave everything there
  --access-key-id, --secret-access-key, --session-token, --region
                      (default AWS_ACCESS_KEY_ID and so on; us-east-1)
  --virtual-host      the bucket in the host name instead of the path
  --insecure, --ca FILE  any certificate; the certificates to trust
What is reported
  --server-pid N      the server's process here: CPU and private memory of it and its children
  --json              one line of JSON; --svg FILE  a chart of latency over time`;

/** A run of the load on a store. */
export interface EndpointRun {
  readonly plan: Plan;
  readonly workload: string;
  /** True if the bucket is made for the run. */
  readonly makesBucket: boolean;
  readonly loaded: boolean;
  readonly keep: boolean;
  readonly serverPid: number | undefined;
  readonly json: boolean;
  readonly svg: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws an Error that says what is wrong with the flags. */
export function parseRun(args: readonly string[], environment: Environment): EndpointRun {
  const { values } = parseArgs({ args: [...args], options: flagOptions });
  const { workload, bucket } = values;
  const makesBucket = bucket === undefined;
  const unique = `bench-${randomBytes(5).toString("hex")}`;
  const mix: Shares<Operation> =
    workload === "mixed" ? parseShares(values.mix, operationOf) : [[operationOf(workload), 1]];
  const count = values.count === undefined ? Infinity : whole("count", values.count);
  const keys = whole("keys", values.keys);
  const deletesAll = workload === "delete";
  const plan: Plan = {
    target: { ...targetOf(values, environment), bucket: bucket ?? unique },
    mix,
    space: {
      count: keys,
      pattern: oneOf("pattern", keyPatterns, values.pattern),
      prefix: values.prefix ?? (makesBucket ? "" : `${unique}/`),
      sizes: parseShares(values.size, parseSize),
      seed: values.seed === undefined ? randomInt(2 ** 31) : whole("seed", values.seed, 0),
    },
    choice: choiceOf(values.choose),
    concurrency: whole("concurrency", values.concurrency),
    processes: Math.min(
      whole("processes", values.processes),
      whole("concurrency", values.concurrency),
    ),
    seconds: secondsOf(values.seconds, count === Infinity ? 10 : Infinity),
    countMax: deletesAll ? Math.min(keys, count) : count,
    warmupSeconds: count !== Infinity || deletesAll ? 0 : secondsOf(values.warmup, 2),
    verify: number("verify", values.verify, { least: 0, most: 1 }),
    signPayload: oneOf("payload", ["unsigned", "signed"], values.payload) === "signed",
    pageKeys: whole("page-keys", values["page-keys"]),
    delimiter: values.delimiter,
    partBytes: parseSize(values["part-size"]),
    rangeBytes: parseSize(values["range-size"]),
  };
  if (mix.some(([name]) => name === "ranged") && plan.space.sizes.some(([size]) => size === 0)) {
    throw new Error("ranged reads need objects of at least a byte: see --size");
  }
  const { loaded, keep, json, svg } = values;
  const pid = values["server-pid"];
  const serverPid = pid === undefined ? undefined : whole("server-pid", pid);
  return { plan, workload, makesBucket, loaded, keep, serverPid, json, svg };
}

function targetOf(
  values: {
    endpoint?: string | undefined;
    region?: string | undefined;
    "access-key-id"?: string | undefined;
    "secret-access-key"?: string | undefined;
    "session-token"?: string | undefined;
    "virtual-host": boolean;
    insecure: boolean;
    ca?: string | undefined;
    timeout: string;
  },
  environment: Environment,
): Omit<Plan["target"], "bucket"> {
  const endpoint = values.endpoint ?? "";
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new Error(`--endpoint "${endpoint}" is no URL of http or https`);
  }
  const accessKeyId = values["access-key-id"] ?? environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = values["secret-access-key"] ?? environment["AWS_SECRET_ACCESS_KEY"];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error(
      "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give flags",
    );
  }
  return {
    endpoint,
    accessKeyId,
    secretAccessKey,
    sessionToken: values["session-token"] ?? environment["AWS_SESSION_TOKEN"],
    region: values.region ?? environment["AWS_REGION"] ?? "us-east-1",
    virtualHost: values["virtual-host"],
    insecure: values.insecure,
    ca: values.ca === undefined ? undefined : readFileSync(values.ca, "utf8"),
    timeoutMs: 1000 * number("timeout", values.timeout, { least: 0.001, most: 86_400 }),
  };
}

function operationOf(name: string): Operation {
  return oneOf("workload", operations, name);
}

function choiceOf(text: string): Choice {
  if (text === "uniform") return { kind: "uniform" };
  const [name = "", skew = "0.99"] = text.split(":");
  oneOf("choose", ["uniform", "zipf"], name);
  return { kind: "zipf", skew: number("choose", skew, { least: 0, most: 10 }) };
}

function secondsOf(text: string | undefined, otherwise: number): number {
  return text === undefined ? otherwise : number("seconds", text, { least: 0, most: 1e6 });
}

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { oneOf, whole } from "../flag-values.ts";
import { comparisonGroups, loadGroups } from "./loads.ts";
import type { ComparisonRun } from "./run-comparison.ts";
import type { PeerStore } from "./stores.ts";

export const comparisonHelp = `npm run bench [-- flags]: puts this store, others and a bare HTTP
server under the same loads in turn
  --peer NAME=URL,PID[,KEY,SECRET]
                      a store that runs on this machine, and the first of its processes; again
                      for more (default of KEY and SECRET: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)
  --only GROUP        some of ${loadGroups.join(", ")}, start; again for more
  --load WORDS        of those, the loads whose names have the words in them; again for more
  --keys N            of the large bucket that is listed (1000000)
  --seconds N, --rounds N  of each load and store (3, 5)
  --connections N     of the loads with many (64)
  --objects N         of the small loads and the mixture (2000)
  --uploads N         of 64 MiB at once, while memory is measured (64)
  --workers N, --processes N  of our server and the bare one, of the load (2, 2)
  --cpu-prof DIR      profiles of our server's processes
  --json              one line of JSON; --svg FILE  the rates as a chart`;

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws an Error that says what is wrong with the flags. */
export function parseComparison(args: readonly string[], environment: Environment): ComparisonRun {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peer: { type: "string", multiple: true, default: [] },
      only: { type: "string", multiple: true },
      load: { type: "string", multiple: true, default: [""] },
      keys: { type: "string", default: "1000000" },
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "5" },
      connections: { type: "string", default: "64" },
      objects: { type: "string", default: "2000" },
      uploads: { type: "string", default: "64" },
      workers: { type: "string", default: "2" },
      processes: { type: "string", default: "2" },
      "cpu-prof": { type: "string" },
      json: { type: "boolean", default: false },
      svg: { type: "string" },
    },
  });
  const cpuProfiles = values["cpu-prof"];
  return {
    peers: values.peer.map((text) => parsePeer(text, environment)),
    hasBare: true,
    only: values.only?.map((name) => oneOf("only", comparisonGroups, name)) ?? comparisonGroups,
    words: values.load,
    keys: whole("keys", values.keys),
    seconds: whole("seconds", values.seconds),
    rounds: whole("rounds", values.rounds),
    connections: whole("connections", values.connections),
    objects: whole("objects", values.objects),
    uploads: whole("uploads", values.uploads),
    workers: whole("workers", values.workers),
    processes: whole("processes", values.processes),
    cpuProfiles: cpuProfiles === undefined ? undefined : resolve(cpuProfiles),
    json: values.json,
    svg: values.svg,
  };
}

/** `minio=http://127.0.0.1:9000,1234,key,secret` */
export function parsePeer(text: string, environment: Environment): PeerStore {
  const match = /^([^=]+)=(https?:\/\/[^,]+),(\d+)(?:,([^,]+),([^,]+))?$/.exec(text);
  if (match === null) throw new Error(`--peer "${text}" is not NAME=URL,PID[,KEY,SECRET]`);
  const [, name = "", endpoint = "", pid, key, secret] = match;
  const accessKeyId = key ?? environment["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = secret ?? environment["AWS_SECRET_ACCESS_KEY"];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error(`--peer "${text}" has no credentials: add KEY,SECRET or set AWS_ACCESS_KEY_ID`);
  }
  return { name, endpoint, pid: Number(pid), accessKeyId, secretAccessKey };
}

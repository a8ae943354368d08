// What copies and shards cost: servers of ours on one directory, on three (three copies, two of
// which are waited for) and on six (large objects coded by RS(4,2) while they are written), all on
// the same disk, under the same loads in turn.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { exitStatus } from "../../../src/cli/command.ts";
import { HoldfastServer, rootKey, runCommand } from "../../../test/acceptance/holdfast-server.ts";
import { parseComparison } from "../compare/comparison-flags.ts";
import { runComparison } from "../compare/run-comparison.ts";
import type { PeerStore } from "../compare/stores.ts";

export const copiesHelp = `npm run bench -- --only copies [flags]: one copy beside three copies, and
beside RS(4,2) coded while it is written, on one disk. The rate of one copy is "ours to it"
  --seconds N, --rounds N  of each load and store (3, 5)
  --load WORDS        of those, the loads whose names have the words in them; again for more
  --cpu-prof DIR      profiles of the servers' processes
  --json              one line of JSON`;

/** True if the flags ask for this measurement. */
export function isCopiesRun(args: readonly string[]): boolean {
  return args.includes("--only=copies") || args[args.indexOf("--only") + 1] === "copies";
}

const stores = [
  { name: "three copies", directories: 3, isInline: false },
  { name: "RS(4,2) inline", directories: 6, isInline: true },
] as const;

/** Throws an Error that says what is wrong with the flags. */
export async function runCopies(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      seconds: { type: "string", default: "3" },
      rounds: { type: "string", default: "5" },
      load: { type: "string", multiple: true, default: ["4 KiB, 64", "put 64 MiB"] },
      "cpu-prof": { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const { seconds, rounds, load, "cpu-prof": cpuProfiles } = values;
  const flags = ["--only", "small", "--only", "large", "--seconds", seconds, "--rounds", rounds];
  const words = load.flatMap((one) => ["--load", one]);
  const run = parseComparison([...flags, ...words, ...(values.json ? ["--json"] : [])], {});
  const folder = await mkdtemp(join(tmpdir(), "holdfast-copies-"));
  const servers: HoldfastServer[] = [];
  const peers: PeerStore[] = [];
  try {
    for (const { name, directories, isInline } of stores) {
      const paths = Array.from({ length: directories }, (_, i) =>
        join(folder, `${directories}`, `${i}`),
      );
      const server = await start(paths, isInline, run.workers, cpuProfiles);
      servers.push(server);
      peers.push({ name, endpoint: server.endpoint, pid: server.pid, ...rootKey });
    }
    await runComparison({ ...run, peers, hasBare: false, cpuProfiles });
  } finally {
    for (const server of servers) await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function start(
  paths: readonly string[],
  isInline: boolean,
  workers: number,
  cpuProfiles: string | undefined,
): Promise<HoldfastServer> {
  const options = {
    workers,
    more: ["--log-level", "warn"],
    ...(cpuProfiles !== undefined && {
      nodeOptions: `--cpu-prof --cpu-prof-dir=${cpuProfiles}`,
    }),
  };
  const server = await HoldfastServer.start(paths, options);
  if (!isInline) return server;
  const where = ["--endpoint", server.endpoint];
  const chosen = await runCommand("scheme", "set", "rs-4-2", "--inline", "on", ...where);
  await server.stop();
  if (chosen.code !== exitStatus.ok) throw new Error(`scheme set: ${chosen.output}`);
  // A start follows what was chosen at once.
  return HoldfastServer.start(paths, options);
}

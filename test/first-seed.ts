import { spawnSync } from "node:child_process";

const seedsMax = 10_000_000;

/**
 * Where seeds begin that nobody has given: each commit tries others than the one before, and the
 * same again when it is tried again. Where there is no commit to ask for, the time of day decides.
 * Says so, for a failure to be repeated.
 */
export function firstSeed(given: string | undefined): number {
  if (given !== undefined) return Number(given);
  const options = { cwd: import.meta.dirname, encoding: "utf8" } as const;
  const { stdout } = spawnSync("git", ["rev-parse", "HEAD"], options);
  const commit = /^[0-9a-f]{40}/.exec(stdout ?? "")?.[0];
  const first =
    (commit === undefined
      ? Math.floor(Date.now() / 1000)
      : Number.parseInt(commit.slice(0, 8), 16)) % seedsMax;
  console.log(`seeds from ${first}: by ${commit === undefined ? "the time" : `commit ${commit}`}`);
  return first;
}

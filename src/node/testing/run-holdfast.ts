import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { programEnvironment } from "./program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../../bin/holdfast.js");

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command to its end. */
export async function runHoldfast(...words: readonly string[]): Promise<Ran> {
  return await runHoldfastWith({}, ...words);
}

/** Runs one command to its end, with variables. */
export async function runHoldfastWith(
  env: Readonly<Record<string, string>>,
  ...words: readonly string[]
): Promise<Ran> {
  const child = spawn(process.execPath, [launcher, ...words], {
    env: programEnvironment(env),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, "exit");
  return { status: child.exitCode, stdout, stderr };
}

import { spawn } from "node:child_process";
import type { SpawnOptions } from "node:child_process";

export interface Outcome {
  /** `null`: it was killed. */
  readonly code: number | null;
  /** Both of its outputs, in order of arrival. */
  readonly output: string;
}

/** Characters of the output that are kept, from its end. */
const outputCharsMax = 1_000_000;

/** Runs a program and keeps what it says; rejects where it cannot be started. */
export function runToEnd(
  command: string,
  parameters: readonly string[],
  options: Pick<SpawnOptions, "cwd" | "env"> = {},
): Promise<Outcome> {
  return new Promise((done, fail) => {
    const child = spawn(command, parameters, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const collect = (piece: Buffer): void => {
      output = (output + piece.toString()).slice(-outputCharsMax);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", fail);
    child.on("close", (code) => {
      done({ code, output });
    });
  });
}

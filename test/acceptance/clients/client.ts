import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { runToEnd } from "../../../tools/run-to-end.ts";
import { region, rootKey, type HoldfastServer } from "../holdfast-server.ts";
import type { Case } from "../suite.ts";

/** A program or library that people use with S3, and what it must manage with us. */
export interface Client {
  readonly name: string;
  /** Its version; undefined where it is not to be had here. */
  version(): Promise<string | undefined>;
  /** How to get it, for the line that says it is missing. */
  readonly install: string;
  cases(bench: Workbench): readonly Omit<Case, "skip">[];
}

/** The tools that the cases of all clients share. */
export class Workbench {
  readonly server: HoldfastServer;
  /** Files of many sizes and with awkward names; not to be changed. */
  readonly tree: string;
  readonly #folder: string;

  constructor(server: HoldfastServer, folder: string, tree: string) {
    this.server = server;
    this.tree = tree;
    this.#folder = folder;
  }

  /** A folder of this name that exists, for files that need not outlive the case. */
  async scratch(name: string): Promise<string> {
    const path = join(this.#folder, name);
    await mkdir(path, { recursive: true });
    return path;
  }

  /** The environment in which AWS' SDKs and tools talk to the server under test. */
  get environment(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      AWS_ACCESS_KEY_ID: rootKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
      AWS_DEFAULT_REGION: region,
      AWS_ENDPOINT_URL: this.server.endpoint,
      AWS_EC2_METADATA_DISABLED: "true",
      // Version 1 of the CLI still presigns with Signature V2 unless it is configured otherwise.
      AWS_CONFIG_FILE: join(import.meta.dirname, "aws-config"),
      AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
      AWS_PAGER: "",
    };
  }
}

/** Runs a program to its end, and gives its output; rejects unless it exits with 0. */
export async function run(
  command: string,
  parameters: readonly string[],
  options: { readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { cwd, environment: env = process.env } = options;
  const { code, output } = await runToEnd(command, parameters, { cwd, env });
  if (code === 0) return output;
  const what = `${command} ${parameters.join(" ")}`;
  throw new Error(`${what} exited with ${code}:\n${output.slice(-4000)}`);
}

/** The first line that a program says of itself; undefined where it cannot be run. */
export async function versionOf(
  command: string,
  ...parameters: readonly string[]
): Promise<string | undefined> {
  try {
    return (await run(command, parameters)).trim().split("\n", 1)[0];
  } catch {
    return undefined;
  }
}

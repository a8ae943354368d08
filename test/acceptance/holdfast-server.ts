import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { type Outcome, runToEnd } from "../../tools/run-to-end.ts";

export const rootKey = {
  accessKeyId: "ACCEPTANCE0ACCESSKEY",
  secretAccessKey: "acceptance/secret/access/key",
};
export const region = "us-east-1";
export const rootIdentity = { ...rootKey, region };

const root = resolve(import.meta.dirname, "../..");
const cliOf = (program: string): string => join(program, "bin/holdfast.js");

function holdfastEnvironment(): NodeJS.ProcessEnv {
  return {
    ...process.env,
    HOLDFAST_ROOT_ACCESS_KEY_ID: rootKey.accessKeyId,
    HOLDFAST_ROOT_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
  };
}

/** A server under test: `holdfast serve` on a data directory, on a free port of 127.0.0.1. */
export class HoldfastServer {
  readonly endpoint: string;
  readonly startMs: number;
  readonly #child: ChildProcess;
  readonly #closed: Promise<number | null>;

  private constructor(child: ChildProcess, endpoint: string, startMs: number) {
    this.endpoint = endpoint;
    this.startMs = startMs;
    this.#child = child;
    this.#closed = new Promise((done) => {
      if (child.exitCode !== null) done(child.exitCode);
      else child.once("exit", done); // not "close": an orphan may hold the pipes
    });
  }

  static async start(
    directories: readonly string[],
    options: {
      readonly workers?: number;
      readonly port?: number;
      readonly more?: readonly string[];
      /** Node's options of every process of the tree, as in NODE_OPTIONS. */
      readonly nodeOptions?: string;
      /** Where the program is, if not here. */
      readonly program?: string;
      /** What it says of its failure to start is expected. */
      readonly isQuiet?: boolean;
      /** A file that gets its log, at the end; otherwise it goes where ours goes. */
      readonly logFile?: string;
    } = {},
  ): Promise<HoldfastServer> {
    const began = performance.now();
    const listen = `127.0.0.1:${options.port ?? 0}`;
    const parameters = ["serve", "--data", directories.join(","), "--listen", listen, "--json"];
    parameters.push(
      "--workers",
      String(options.workers ?? 2),
      "--region",
      region,
      // Clients look at each answer themselves.
      "--request-log",
      "off",
      ...(options.more ?? []),
    );
    const log = options.logFile === undefined ? undefined : openSync(options.logFile, "a");
    const child = spawn(process.execPath, [cliOf(options.program ?? root), ...parameters], {
      env: {
        ...holdfastEnvironment(),
        ...(options.nodeOptions !== undefined && { NODE_OPTIONS: options.nodeOptions }),
      },
      stdio: ["ignore", "pipe", options.isQuiet === true ? "ignore" : (log ?? "inherit")],
    });
    if (log !== undefined) closeSync(log);
    const { stdout } = child;
    if (stdout === null) throw new Error("holdfast serve has no output");
    for await (const line of createInterface({ input: stdout })) {
      const event = JSON.parse(line) as { event: string; endpoint?: string }; // our own output
      if (event.event === "ready" && event.endpoint !== undefined) {
        stdout.resume();
        return new HoldfastServer(child, event.endpoint, performance.now() - began);
      }
    }
    throw new Error(`holdfast serve ended before it was ready (${child.exitCode ?? "killed"})`);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends it as an operator would, and waits. */
  async stop(): Promise<void> {
    if (this.running) this.#child.kill("SIGTERM");
    const code = await this.#closed;
    if (code !== 0) throw new Error(`holdfast serve exited with ${code} on SIGTERM`);
  }

  /** Resolves once the process has gone, however it went. */
  async ended(): Promise<void> {
    await this.#closed;
  }
}

/** Runs a command of Holdfast to its end, as root. */
export function runCommand(...parameters: readonly string[]): Promise<Outcome> {
  return runToEnd(process.execPath, [cliOf(root), ...parameters], { env: holdfastEnvironment() });
}

/** `holdfast check` on the data of a stopped server. */
export function checkData(directories: readonly string[]): Promise<Outcome> {
  return runCommand("check", "--data", directories.join(","), "--json");
}

/** The median of a few starts, in milliseconds; each is stopped again. */
export async function medianStartMs(directories: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const server = await HoldfastServer.start(directories);
    times.push(server.startMs);
    await server.stop();
  }
  return times.toSorted((a, b) => a - b)[1] ?? 0;
}

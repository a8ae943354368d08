import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { SigningIdentity } from "../../auth/sign.ts";
import { must } from "../../base/assert.ts";
import { readRootKey } from "../store/key-files.ts";
import { S3Connection } from "./s3-connection.ts";
import { programEnvironment } from "./program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../../bin/holdfast.js");

export interface ReadyEvent {
  readonly event: "ready";
  readonly endpoint: string;
  readonly port: number;
  readonly accessKeyId: string;
  readonly credentialsFile: string;
  /** Read from that file. */
  readonly secretAccessKey: string;
  readonly pid: number;
}

/** A folder of its own, gone at the end. */
export class Scratch implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "holdfast-test-"));

  directory(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export interface ServedBy {
  /** The Node that runs bin/holdfast.js. */
  readonly node?: string | undefined;
  /** True: it runs with its children in a process group of its own, whose id is the child's. */
  readonly detached?: boolean | undefined;
  /** Variables beside PATH. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** `holdfast serve` as a process, for tests of the tree of processes. */
export class ServedStore implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly ready: Promise<ReadyEvent | undefined>;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  output = "";

  constructor(
    directories: readonly string[],
    more: readonly string[] = [],
    { node = process.execPath, detached = false, env = {} }: ServedBy = {},
  ) {
    const data = directories.join(",");
    const parameters = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--workers", "1"];
    this.child = spawn(node, [launcher, ...parameters, "--json", ...more], {
      detached,
      stdio: ["ignore", "pipe", "pipe"],
      env: programEnvironment(env),
    });
    this.child.stderr?.on("data", (piece: Buffer) => {
      this.output += piece.toString();
    });
    this.ended = new Promise((done) => this.child.once("close", done));
    this.ready = this.#firstEvent();
  }

  /** Ends it as an operator would; the exit code. */
  stop(): Promise<number | null> {
    this.child.kill("SIGTERM");
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }

  async #firstEvent(): Promise<ReadyEvent | undefined> {
    const { stdout } = this.child;
    if (stdout === null) return undefined;
    for await (const line of createInterface({ input: stdout })) {
      stdout.resume();
      const event = JSON.parse(line) as ReadyEvent; // our own output
      const key = must(readRootKey(dirname(event.credentialsFile)), "a root key");
      return { ...event, secretAccessKey: key.secretAccessKey };
    }
    return undefined;
  }
}

/** The identity that signs as root. */
export function identityOf({ accessKeyId, secretAccessKey }: ReadyEvent): SigningIdentity {
  return { accessKeyId, secretAccessKey, region: "us-east-1" };
}

/** Calls a server as root. */
export function connectionTo(ready: ReadyEvent): S3Connection {
  return new S3Connection(ready.endpoint, identityOf(ready));
}

/** A figure of the metrics page, of whichever process shows it; 0 where none does. */
export async function figureOf(s3: S3Connection, name: string): Promise<number> {
  const { body } = await s3.send("GET", "/-/metrics");
  return Number(new RegExp(`^${name}\\{[^}]*\\} ([0-9.e+]+)`, "m").exec(body.toString())?.[1] ?? 0);
}

/** Process ids of the children of a process. */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

/** Generous: on a busy machine a process takes many seconds to do what takes it one otherwise. */
const looksMax = 1200;

/** Waits for an event that can only be looked for. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < looksMax; i++) {
    if (await holds()) return;
    await sleep(50);
  }
  assert.fail(`waited in vain: ${what}`);
}

/** Once every worker of it serves. */
export async function started(server: ServedStore): Promise<ReadyEvent> {
  return must(await server.ready, `serve did not become ready: ${server.output}`);
}

/** Why `childrenOf` cannot be used here, or false. */
export const noProc = process.platform === "linux" ? false : "reads /proc";

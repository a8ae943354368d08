import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import type { ShownDisk } from "../../admin/disk-pages.ts";
import { programEnvironment } from "../../node/testing/program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../../bin/holdfast.js");

interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands in a folder, on the server whose first directory is `a` there. */
export function commandsIn(folder: string) {
  const run = async (...parameters: readonly string[]): Promise<CommandResult> => {
    const child = spawn(process.execPath, [launcher, ...parameters, "--data", "a"], {
      env: programEnvironment(),
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    if (child.exitCode === null) await once(child, "exit");
    return { status: child.exitCode, stdout, stderr };
  };
  const done = async (...parameters: readonly string[]): Promise<string> => {
    const { status, stdout, stderr } = await run(...parameters);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  const refused = async (message: RegExp, ...parameters: readonly string[]): Promise<void> => {
    const { status, stderr } = await run(...parameters);
    assert.notEqual(status, 0);
    assert.match(stderr, message);
  };
  return { done, refused };
}

/** Commands of disks in a folder, on the server whose first directory is `a` there. */
export function diskCommandsIn(folder: string) {
  const { done, refused } = commandsIn(folder);
  const disk = async (directory: string): Promise<ShownDisk | undefined> => {
    const { disks } = JSON.parse(await done("disk", "list", "--json")) as {
      disks: ShownDisk[]; // our own output
    };
    return disks.find((one) => one.directory === directory);
  };
  return { done, refused, disk };
}

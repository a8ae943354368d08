import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** It takes what it holds; the file is sparse. */
const imageBytes = 2 * 1024 * 1024 * 1024;

/**
 * A directory on a file system of its own, which can be frozen: then whoever writes to it waits in
 * the kernel, and cannot even be killed, as on a disk that hangs. What is in memory can be read.
 */
export class FreezingDisk implements Disposable {
  readonly #directory: string;
  readonly #image: string;
  readonly #end = (): void => this[Symbol.dispose]();
  #isFrozen = false;
  #isMounted = false;

  /** Mounts it on this directory, which is made where it is not there. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#image = `${directory}.image`;
    mkdirSync(directory, { recursive: true });
    writeFileSync(this.#image, "");
    truncateSync(this.#image, imageBytes);
    run("mkfs.ext4", "-q", "-m", "0", this.#image);
    run("mount", "-o", "loop", this.#image, directory);
    this.#isMounted = true;
    process.once("exit", this.#end); // a frozen one would outlive the test
  }

  /** Why there can be none here, or undefined. */
  static whyNot(): string | undefined {
    const folder = mkdtempSync(join(tmpdir(), "holdfast-freeze-"));
    try {
      using disk = new FreezingDisk(join(folder, "disk"));
      disk.freeze();
      return undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message.trim() : String(error);
      return `it takes a file system that is mounted and frozen, by root on Linux: ${why}`;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  freeze(): void {
    run("fsfreeze", "--freeze", this.#directory);
    this.#isFrozen = true;
  }

  answer(): void {
    if (this.#isFrozen) run("fsfreeze", "--unfreeze", this.#directory);
    this.#isFrozen = false;
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#end);
    this.answer();
    // Also while a process has a file in it open.
    if (this.#isMounted) run("umount", "--lazy", this.#directory);
    this.#isMounted = false;
    rmSync(this.#image, { force: true });
  }
}

function run(program: string, ...parameters: readonly string[]): void {
  execFileSync(program, parameters, { stdio: "pipe" });
}

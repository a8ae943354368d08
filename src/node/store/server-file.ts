import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../base/errors.ts";
import {
  decodeRunningServer,
  encodeRunningServer,
  type RunningServer,
  runningServerFile,
} from "../../format/data-directory.ts";
import type { Log } from "../../platform/platform.ts";

/**
 * Says in the first data directory where its server is reached, as long as it runs, so that
 * commands that are given the directory find the server. What a killed one left stays until the
 * next one starts; nobody answers there then, and the command says so.
 */
export class ServerFile implements Disposable {
  #path: string;
  readonly #log: Log;
  #server: RunningServer | undefined;

  /** The caller holds the lock of the data directory. */
  constructor(directory: string, log: Log) {
    this.#path = join(directory, runningServerFile);
    this.#log = log;
    rmSync(this.#path, { force: true });
  }

  /** It is not synced: a power cut ends the server, too. A full disk stops no server. */
  write(server: RunningServer): void {
    this.#server = server;
    try {
      writeFileSync(`${this.#path}.new`, encodeRunningServer(server));
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#log("warn", "server_file_not_written", { message: messageOf(error) });
    }
  }

  /**
   * Another data directory, whose lock the caller holds, is the first one from now on. What stands
   * in the other one goes once its disk answers: it may be lost, or hang.
   */
  moveTo(directory: string): void {
    const path = join(directory, runningServerFile);
    if (path === this.#path) return;
    rm(this.#path, { force: true }).catch((error: unknown) => {
      this.#log("warn", "server_file_not_removed", { message: messageOf(error) });
    });
    this.#path = path;
    if (this.#server !== undefined) this.write(this.#server);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { force: true });
  }
}

/** Undefined where no server runs, or where this user may not read the directory. */
export function readServerFile(directory: string): RunningServer | undefined {
  try {
    return decodeRunningServer(readFileSync(join(directory, runningServerFile), "utf8"));
  } catch {
    return undefined;
  }
}

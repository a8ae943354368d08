import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** The bare server as a process of its own. */
export class BareProcess implements Disposable {
  readonly endpoint: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  static async start(workers: number, bodyBytes: number): Promise<BareProcess> {
    const script = join(import.meta.dirname, "bare-server.ts");
    const child = spawn(process.execPath, [script, String(workers), String(bodyBytes)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    for await (const line of createInterface({ input: child.stdout })) {
      // From bare-server.ts.
      return new BareProcess(child, (JSON.parse(line) as { port: number }).port);
    }
    throw new Error("the bare server ended before it was ready");
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGTERM");
  }
}

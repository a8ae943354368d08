import type { SendHandle } from "node:child_process";
import cluster, { type Worker } from "node:cluster";
import type { Platform } from "../../platform/platform.ts";
import { rootKeyVariables } from "../../server/root-credentials.ts";
import { shippingKeyVariables } from "../client/shipping-target.ts";
import { readPrivateBytes, readProcess } from "../platform/process-table.ts";
import type { ListeningSocket } from "../http/http-server.ts";
import type { FromWorker, ToWorker, WorkerRole } from "./messages.ts";
import { lookMs, Silence } from "./silence.ts";
import type { SlotSocket } from "./slot-socket.ts";
import type { WorkerList } from "../store/worker-list.ts";

/**
 * @limit Between the death of a worker and the next try; it doubles while the worker keeps dying.
 */
const restartMinMs = 50;
/** @limit The longest time from a death to the next try. */
const restartMaxMs = 10_000;
/** @limit When a worker has lived this long the delays begin again with the first. */
const steadyMs = 30_000;

/** What a worker that is to stop is given time for. */
export interface StopTimes {
  /** Requests under way have so long to finish. */
  readonly finishMs: number;
  /** It has this time beyond that; then it is killed. */
  readonly closingMs: number;
}

/**
 * @limit After so long a worker that was killed at a stop counts as ended although its process is
 * still there: a thread of it waits in the kernel for a disk that hangs. It executes nothing any
 * more, also when the disk answers.
 */
const killedMs = 2_000;

/**
 * Left to itself V8 lets the heap of a busy worker grow to several times what is in use before it
 * collects, and the more freely, the larger the heap may become. With these a worker that stores
 * 4 KiB over 64 connections holds 75 to 85 MB of private memory instead of 122, for the same
 * processor time; half of this young generation would take a fifth more of it. The background
 * worker's time is small, and its young generation need not be large.
 */
const heapFlags = {
  "front-end": ["--max-semi-space-size=16", "--max-old-space-size=1024"],
  background: ["--max-semi-space-size=2", "--max-old-space-size=1024"],
} as const satisfies Record<WorkerRole, readonly string[]>;

/** @limit Time between looks at the memory of a worker. */
const memoryLookMs = 1_000;

/**
 * @limit glibc keeps a heap for each of some 20 threads otherwise, and what they free in it: with
 * two, a tree of two front ends under 64 uploads of 64 MiB held 552 MB instead of 646. Other C
 * libraries pass over the variable.
 */
const mallocArenasMax = 2;

export interface SlotEvents {
  /** Called when the process is forked and has no role yet; returns the first message to it. */
  begun(slot: WorkerSlot, run: number): ToWorker;
  message(slot: WorkerSlot, run: number, message: FromWorker): void;
  ended(slot: WorkerSlot, run: number): void;
}

export interface SlotOptions {
  readonly name: string;
  readonly role: WorkerRole;
  readonly platform: Platform;
  readonly events: SlotEvents;
  /** Shared by all slots. */
  readonly list: WorkerList;
  /** Threads for file operations in the worker. */
  readonly threads: number;
  readonly stopTimes: () => StopTimes;
  /** What workers of this name listen on, in every tree. */
  readonly socket: SlotSocket;
  /** A worker that says nothing for this long hangs, and is replaced. */
  readonly silenceMs: number;
  /** A worker that holds more private memory is stopped in order, and replaced. */
  readonly privateBytesMax: number;
}

/** One place in the tree, and the process that fills it: when that dies, another is started. */
export class WorkerSlot {
  readonly name: string;
  readonly role: WorkerRole;
  readonly #options: SlotOptions;
  #worker: Worker | undefined;
  #restarts = 0;
  #hangs = 0;
  #outgrown = 0;
  /** Workers that count as ended, and whose processes are there. */
  #left = 0;

  constructor(options: SlotOptions) {
    this.#options = options;
    this.name = options.name;
    this.role = options.role;
  }

  get socket(): SlotSocket {
    return this.#options.socket;
  }

  /** A worker counts as ended whose process is still there, with all that it had open. */
  get hasLeftOne(): boolean {
    return this.#left > 0;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Restarts because the worker hung. */
  get hangs(): number {
    return this.#hangs;
  }

  /** Restarts because the worker held too much memory. */
  get outgrown(): number {
    return this.#outgrown;
  }

  send(message: ToWorker, socket?: ListeningSocket): void {
    // A worker that is going away needs no answer; its channel closes a moment before its exit is
    // known.
    if (this.#worker?.isConnected() !== true) return;
    this.#worker.send(message, socket as SendHandle | undefined, undefined, () => undefined);
  }

  kill(): void {
    this.#worker?.process.kill("SIGKILL");
  }

  /** Keeps a worker running until the signal aborts; then has it stop, and waits. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options.platform;
    let delayMs = restartMinMs;
    while (!signal.aborted) {
      const beganMs = clock.monotonicMs();
      const how = await this.#runOnce(signal);
      if (signal.aborted) return;
      if (clock.monotonicMs() - beganMs > steadyMs) delayMs = restartMinMs;
      this.#restarts++;
      log("warn", "worker_ended", { worker: this.name, how, restartInMs: delayMs });
      await clock.sleep(delayMs, signal);
      delayMs = Math.min(2 * delayMs, restartMaxMs);
    }
  }

  async #runOnce(signal: AbortSignal): Promise<string> {
    const { events, threads } = this.#options;
    cluster.setupPrimary({ execArgv: [...heapFlags[this.role]] }); // of the next process alone
    const worker = cluster.fork({
      UV_THREADPOOL_SIZE: String(threads),
      MALLOC_ARENA_MAX: String(mallocArenasMax),
      // These come by the channel.
      [rootKeyVariables.secretAccessKey]: undefined,
      [shippingKeyVariables.secretAccessKey]: undefined,
    });
    this.#worker = worker;
    let isStuck = false;
    const ended = Promise.withResolvers<string>();
    worker.once("exit", (code, name) => {
      this.#options.list.remove(pid);
      this.socket.gone(pid);
      if (isStuck) this.#left--;
      ended.resolve(name ?? `exit code ${code}`);
    });
    worker.once("error", (error) => ended.resolve(error.message));
    const first = events.begun(this, worker.id);
    const { clock } = this.#options.platform;
    const gone = new AbortController();
    const pid = worker.process.pid ?? 0;
    const silence = new Silence({
      limitMs: this.#options.silenceMs,
      read: () => readProcess(pid),
    });
    worker.on("message", (message: FromWorker, socket?: ListeningSocket) => {
      silence.heard();
      if (message.type === "ready") {
        silence.started();
        this.socket.keep(socket);
      }
      if (message.type === "unbound") this.socket.letGo();
      events.message(this, worker.id, message);
    });
    await this.#options.list.add(pid);
    this.send(first, this.socket.current);
    void this.#killIfHung(worker, silence, gone.signal); // never rejects; ends with the worker
    const stop = async (): Promise<void> => {
      const { finishMs, closingMs } = this.#options.stopTimes();
      this.send({ type: "stop", finishMs });
      await clock.sleep(finishMs + closingMs, gone.signal);
      if (gone.signal.aborted) return;
      worker.process.kill("SIGKILL");
      await clock.sleep(killedMs, gone.signal);
      if (gone.signal.aborted) return;
      isStuck = true;
      ended.resolve("killed; a thread of it waits in the kernel");
    };
    const onAbort = (): void => void stop(); // ends with the worker
    signal.addEventListener("abort", onAbort, { once: true });
    void this.#stopIfLarge(pid, stop, gone.signal); // never rejects; ends with the worker
    if (signal.aborted) onAbort();
    const how = await ended.promise;
    gone.abort();
    signal.removeEventListener("abort", onAbort);
    this.#worker = undefined;
    if (isStuck) this.#leaveStuck(worker, pid);
    else this.socket.letGo();
    events.ended(this, worker.id);
    return how;
  }

  /** Nothing waits for the process any more, nor does the end of this one. */
  #leaveStuck(worker: Worker, pid: number): void {
    this.#left++;
    this.socket.stuck(pid);
    const state = readProcess(pid)?.state;
    const meaning = "it executes nothing any more, and ends once the disk answers";
    this.#options.platform.log("error", "worker_stuck", { worker: this.name, pid, state, meaning });
    if (worker.isConnected()) worker.process.disconnect();
    worker.process.unref();
  }

  async #killIfHung(worker: Worker, silence: Silence, gone: AbortSignal): Promise<void> {
    const { clock, log } = this.#options.platform;
    let reason: string | undefined;
    while (reason === undefined) {
      await clock.sleep(lookMs, gone);
      if (gone.aborted) return;
      reason = silence.look();
    }
    this.#hangs++;
    // Not asked to stop: it would not hear it. What it had under way is as after any death of a
    // worker.
    log("error", "worker_silent", { worker: this.name, pid: worker.process.pid, reason });
    worker.process.kill("SIGKILL");
  }
  /** Has a worker with too much memory finish what is under way; then another takes its place. */
  async #stopIfLarge(pid: number, stop: () => Promise<void>, gone: AbortSignal): Promise<void> {
    const { privateBytesMax: bytesMax, platform } = this.#options;
    for (;;) {
      await platform.clock.sleep(memoryLookMs, gone);
      if (gone.aborted) return;
      const bytes = readPrivateBytes(pid) ?? 0;
      if (bytes <= bytesMax) continue;
      this.#outgrown++;
      platform.log("warn", "worker_too_large", { worker: this.name, pid, bytes, bytesMax });
      return stop();
    }
  }
}

import cluster from "node:cluster";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { AccessKey } from "../../auth/access-key.ts";
import { Metrics } from "../../admin/metrics.ts";
import { must } from "../../base/assert.ts";
import { aborted } from "../../base/ready.ts";
import { StoreError, type StoreErrorCode } from "../../base/errors.ts";
import type { Platform, Service } from "../../platform/platform.ts";
import { SessionRegister } from "../../server/session-roster.ts";
import type { Settings } from "../../server/settings.ts";
import type { TreeQuestion } from "../../server/tree-questions.ts";
import { diskThreadsMax } from "../disk/disk.ts";
import { listenError } from "../http/http-server.ts";
import type { StoreLocation } from "../store/store-directories.ts";
import type { FromWorker, ToWorker, WorkerRole } from "./messages.ts";
import { QuestionRounds } from "./question-rounds.ts";
import { readTlsPair, reloadMs, tlsFilesOf, type TlsPair, TlsReload } from "../http/tls.ts";
import { sampleProcess } from "./process-metrics.ts";
import { WorkerList } from "../store/worker-list.ts";
import { WorkerSlot } from "./worker-slot.ts";
import { version } from "../version.ts";

/*
 * The root of the process tree. It holds the locks of the data directories (its caller took them),
 * starts the front ends and the background worker, restarts processes that die, and sends the
 * background worker the sessions that are alive. It serves no request and opens no index (but to
 * verify one whose sync failed), so that it has nothing to fall over; workers end when its channel
 * to them breaks.
 */

export interface SupervisorOptions {
  readonly platform: Platform;
  readonly location: StoreLocation;
  readonly settings: Settings;
  /** Front-end processes. */
  readonly workers: number;
  readonly rootKey: AccessKey;
  /** The key of secrets, in hexadecimal. */
  readonly secretsKey: string;
  /** The log is for programs, also on a terminal. */
  readonly jsonLog: boolean;
  /** Called when all workers serve for the first time. */
  readonly onReady: (port: number) => void;
  /**
   * After a failed sync, with every process stopped: throws where the index cannot be used again.
   */
  readonly verifyIndex: () => Promise<void>;
}

/** Failures of a worker that another try at the start would meet again. */
const endsStart: ReadonlySet<StoreErrorCode | undefined> = new Set([
  "invalid",
  "foreign",
  "unsupported_format",
  "corrupt",
  "missing",
  "storage_full",
  "read_only",
  "io",
]);
/**
 * @limit libuv threads beyond those that disks may hold: commits of the index, name look-ups, files
 * at start.
 */
const threadsReserve = 8;
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
/** @limit Beyond the time that requests have to finish: sealing extents and closing the index. */
const closingMs = 10_000;

export class Supervisor implements Service {
  readonly name = "supervisor";
  readonly #options: SupervisorOptions;
  readonly #register = new SessionRegister();
  readonly #metrics = new Metrics();
  readonly #questions: QuestionRounds;
  readonly #list: WorkerList;
  readonly #waiting = new Set<WorkerSlot>();
  #slots: readonly WorkerSlot[] = [];
  #port = 0;
  #ready = false;
  #failure: StoreError | undefined;
  #indexFailure: string | undefined;
  /**
   * The last that could be used: what a worker begins with, whatever the files hold at that moment.
   */
  #tlsPair: TlsPair | undefined;
  /** Ends the present set of workers. */
  #stopTree = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#questions = new QuestionRounds(options.platform.clock);
    const [first] = options.location.directories;
    const directory = must(first, "a store has a data directory").path;
    this.#list = new WorkerList(directory, options.platform.log);
    sampleProcess(this.#metrics);
    this.#metrics.sampled(
      "gauge",
      "holdfast_build_info",
      "1, with the version that runs.",
      () => [[[version()], 1]],
      ["version"],
    );
    this.#metrics.sampled(
      "counter",
      "holdfast_worker_restarts_total",
      "Workers restarted after they died.",
      () => this.#slots.map((slot) => [[slot.name], slot.restarts]),
      ["worker"],
    );
    this.#metrics.sampled(
      "counter",
      "holdfast_worker_hangs_total",
      "Workers killed and restarted because their event loop sent no heartbeat.",
      () => this.#slots.map((slot) => [[slot.name], slot.hangs]),
      ["worker"],
    );
    this.#metrics.sampled(
      "counter",
      "holdfast_worker_memory_restarts_total",
      "Workers replaced because they held more memory than --worker-memory.",
      () => this.#slots.map((slot) => [[slot.name], slot.outgrown]),
      ["worker"],
    );
  }

  /** Runs until the signal aborts and every worker has ended; rejects where the tree cannot run. */
  async run(signal: AbortSignal): Promise<void> {
    const { settings, platform, verifyIndex } = this.#options;
    cluster.setupPrimary({
      exec: join(import.meta.dirname, "worker-main.ts"),
      args: [],
      serialization: "json",
    });
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    this.#port = await claimPort(settings.listen);
    const tls = this.#followTlsFiles();
    try {
      while (!signal.aborted) {
        await this.#runTree(signal);
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#indexFailure === undefined) return;
        platform.log("error", "index_verification_started", { reason: this.#indexFailure });
        this.#indexFailure = undefined;
        await verifyIndex();
        platform.log("warn", "index_verified", {});
      }
    } finally {
      tls?.stop();
    }
  }

  #followTlsFiles(): TlsReload | undefined {
    const { settings } = this.#options;
    const files = tlsFilesOf(settings["tls-cert"], settings["tls-key"]);
    if (files === undefined) return undefined;
    const use = (pair: TlsPair): void => {
      this.#tlsPair = pair;
    };
    const pair = readTlsPair(files);
    use(pair);
    const log = (): void => undefined; // each front end looks for itself, and tells
    return new TlsReload({ files, pair, log, intervalMs: reloadMs, use });
  }

  /** Ends every process now. What was acknowledged is safe; what is under way is cut. */
  kill(): void {
    for (const slot of this.#slots) slot.kill();
  }

  async #runTree(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    this.#stopTree = stop;
    const background = this.#slot("background", "background");
    const frontEnds = Array.from({ length: this.#options.workers }, (_, i) =>
      this.#slot(`front-end-${i + 1}`, "front-end"),
    );
    this.#slots = [background, ...frontEnds];
    this.#waiting.clear();
    for (const slot of this.#slots) this.#waiting.add(slot);
    const stopBackground = new AbortController();
    const backgroundEnded = background.run(stopBackground.signal);
    const frontEndsEnded = Promise.all(frontEnds.map((slot) => slot.run(stop.signal)));
    const onAbort = (): void => stop.abort();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) stop.abort();
    await aborted(stop.signal);
    signal.removeEventListener("abort", onAbort);
    // Requests under way may still need what the background worker does, such as freeing space.
    await frontEndsEnded;
    stopBackground.abort();
    await backgroundEnded;
  }

  #slot(name: string, role: WorkerSlot["role"]): WorkerSlot {
    const { platform, location, settings } = this.#options;
    return new WorkerSlot({
      name,
      role,
      heapFlags: heapFlags[role],
      platform,
      list: this.#list,
      threads: location.directories.length * diskThreadsMax + threadsReserve,
      stopMs: settings.drain + closingMs,
      silenceMs: settings["worker-silence"],
      privateBytesMax: settings["worker-memory"],
      events: {
        begun: (slot, run) => this.#begun(slot, run),
        message: (slot, run, message) => this.#receive(slot, run, message),
        ended: (slot, run) => {
          this.#register.ended(run);
          this.#questions.left(slot);
          this.#sendRoster();
        },
      },
    });
  }

  #begun(slot: WorkerSlot, run: number): ToWorker {
    const { location, settings, rootKey, secretsKey, jsonLog } = this.#options;
    this.#register.begins(run);
    const { name, role } = slot;
    const common = { location, settings, rootKey, secretsKey, jsonLog };
    return { type: "start", name, role, ...common, port: this.#port, tlsPair: this.#tlsPair };
  }

  #receive(slot: WorkerSlot, run: number, message: FromWorker): void {
    switch (message.type) {
      case "alive":
        return; // what the slot needs to know
      case "opened":
        this.#register.opened(run, message.session);
        this.#sendRoster();
        return;
      case "ready":
        this.#becomeReady(slot);
        return;
      case "answer":
        this.#questions.answered(slot, message.request, message.answer);
        return;
      case "gather":
        // Never rejects; ends within the gathering's time.
        void this.#gather(slot, message.request, message.question);
        return;
      case "index_failed":
        this.#indexFailure ??= `${slot.name}: ${message.message}`;
        this.#stopTree.abort();
        return;
      case "failed":
        // The index is not where it was, or is another: whether the store can go on shows once
        // every process has let go of it.
        if (this.#ready && (message.code === "missing" || message.code === "foreign")) {
          this.#indexFailure ??= `${slot.name}: ${message.message}`;
          this.#stopTree.abort();
          return;
        }
        // A start ends at a fault that a person has to correct (an address in use); any other may
        // be over by the next try.
        if (this.#ready || !endsStart.has(message.code)) return;
        this.#failure ??= new StoreError(message.code ?? "unavailable", message.message);
        this.#stopTree.abort();
    }
  }

  #becomeReady(slot: WorkerSlot): void {
    this.#waiting.delete(slot);
    if (this.#ready || this.#waiting.size > 0) return;
    this.#ready = true;
    this.#options.onReady(this.#port);
  }

  async #gather(asking: WorkerSlot, request: number, question: TreeQuestion): Promise<void> {
    const others = this.#slots.filter((slot) => slot !== asking);
    const answers = await this.#questions.ask(others, question);
    if (question.kind === "metrics") {
      answers.push({ process: this.name, answer: { families: this.#metrics.read() } });
    }
    asking.send({ type: "gathered", request, answers });
  }

  #sendRoster(): void {
    const roster = this.#register.roster();
    for (const slot of this.#slots) {
      if (slot.role === "background") slot.send({ type: "roster", roster });
    }
  }
}

/**
 * The port to serve on: the one asked for, or a free one for 0. Listening on it alone for a moment
 * shows that nobody else does: workers share their port, and would share it with another server's
 * of the same user as well.
 */
function claimPort({ host, port }: Settings["listen"]): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (cause: NodeJS.ErrnoException) => {
      reject(listenError(cause, host, port));
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address() as AddressInfo; // it is a TCP server
      server.close(() => resolve(address.port));
    });
  });
}

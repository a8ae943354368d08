import cluster from "node:cluster";
import { join } from "node:path";
import type { AccessKey } from "../../auth/access-key.ts";
import { Metrics } from "../../admin/metrics.ts";
import { aborted } from "../../base/ready.ts";
import { isStoreError, messageOf, StoreError, type StoreErrorCode } from "../../base/errors.ts";
import type { DiskId } from "../../format/ids.ts";
import type { Platform, Service } from "../../platform/platform.ts";
import { SessionRegister } from "../../server/session-roster.ts";
import type { Settings } from "../../server/settings.ts";
import type { TreeQuestion } from "../../server/tree-questions.ts";
import { diskThreadsMax } from "../disk/disk.ts";
import { claimPort } from "../http/claim-port.ts";
import { HomeWatch, takeoverDisksMin } from "../store/home-watch.ts";
import { loggedDisksMin } from "../store/index-log.ts";
import type { ServedDirectories } from "../store/served-directories.ts";
import type { ShippingAccess } from "../client/shipping-target.ts";
import type { StoreLocation } from "../store/store-location.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { QuestionRounds } from "./question-rounds.ts";
import { readTlsPair, reloadMs, tlsFilesOf, type TlsPair, TlsReload } from "../http/tls.ts";
import { sampleProcess } from "./process-metrics.ts";
import { WorkerList } from "../store/worker-list.ts";
import { SlotSocket } from "./slot-socket.ts";
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
  /** The store, with the directories that it had at the start. */
  readonly location: StoreLocation;
  /** The directories that it has now. */
  readonly served: ServedDirectories;
  readonly settings: Settings;
  /** Front-end processes. */
  readonly workers: number;
  readonly rootKey: AccessKey;
  /** The key of secrets, in hexadecimal. */
  readonly secretsKey: string;
  readonly shippingAccess: ShippingAccess | undefined;
  /** The log is for programs, also on a terminal. */
  readonly jsonLog: boolean;
  /** Called when all workers serve for the first time. */
  readonly onReady: (port: number) => void;
  /**
   * After a failed sync, or where the index is gone, or its disk hangs, with every process stopped:
   * throws where it cannot be used again, nor made again, and where the signal aborts meanwhile.
   */
  readonly recoverIndex: (signal: AbortSignal, hangs: boolean) => Promise<void>;
  /**
   * Once a store of one disk has more, with every process stopped: the index has a log from then
   * on. Resolves to the disks that the store has.
   */
  readonly beginLog: () => Promise<number>;
  /**
   * With every process stopped: makes the copy of the index on that disk the index, and that the
   * first of the directories that are served. Throws where it cannot.
   */
  readonly moveIndex: (disk: DiskId) => Promise<void>;
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
/** Failures of a worker while the store is served that say that its index is not what it was. */
const losesIndex: ReadonlySet<StoreErrorCode | undefined> = new Set([
  "missing",
  "foreign",
  "corrupt",
  "io",
]);
/**
 * @limit libuv threads beyond those that disks may hold: commits of the index, name look-ups, files
 * at start.
 */
const threadsReserve = 8;
/** @limit Beyond the time that requests have to finish: sealing extents and closing the index. */
const closingMs = 10_000;
/**
 * @limit Requests under way have so long to finish where the index moves to another disk, or is
 * made again there: nobody is answered meanwhile, so who takes longer is cut off, and has to ask
 * again.
 */
const finishForMoveMs = 3_000;
/**
 * @limit Disks that may be added while the server runs, and have threads of their own for file
 * operations in each worker; those of more of them share threads until the next start.
 */
const spareDisks = 8;
/** @limit Time between looks for disks that are missing or were mounted elsewhere. */
const directoriesLookMs = 3_000;

export class Supervisor implements Service {
  readonly name = "supervisor";
  readonly #options: SupervisorOptions;
  readonly #register = new SessionRegister();
  readonly #metrics = new Metrics();
  readonly #questions: QuestionRounds;
  readonly #list: WorkerList;
  readonly #waiting = new Set<WorkerSlot>();
  #slots: readonly WorkerSlot[] = [];
  /** Workers have threads for as many, and some to spare. */
  readonly #disksAtStart: number;
  #port = 0;
  #ready = false;
  #failure: StoreError | undefined;
  #indexFailure: string | undefined;
  /** The disks that the store has, as processes are started with: with one the index has no log. */
  #known: number;
  #mayBeginLog = false;
  /** The disk of the index gives no answer, and the processes end for that. */
  #homeHangs = false;
  readonly #homeWatch: HomeWatch;
  #isChangingIndex = false;
  /** The disk with a copy of the index that is to become the index. */
  #moveTo: DiskId | undefined;
  /** Why the last copy of the index did not become it. */
  #moveFailure: string | undefined;
  /**
   * The last that could be used: what a worker begins with, whatever the files hold at that moment.
   */
  #tlsPair: TlsPair | undefined;
  /** Ends the present set of workers. */
  #stopTree = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#questions = new QuestionRounds(options.platform.clock);
    const { current, missing } = options.served;
    this.#disksAtStart = current.length + missing.length;
    this.#known = options.location.known;
    this.#list = new WorkerList(options.platform, () => options.served.current);
    this.#homeWatch = new HomeWatch({
      platform: options.platform,
      directories: () => options.served.current,
      mayTakeOver: () => this.#ready && this.#known >= takeoverDisksMin,
    });
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

  /**
   * False where a worker of the last tree was left behind in the kernel, or the disk of the index
   * hangs: it is not known whether the index lets anybody write, and whether what was asked of its
   * disk is done. Then it is left as it is, as after a kill.
   */
  get hasLetGoOfIndex(): boolean {
    return !this.#homeHangs && !this.#slots.some(({ hasLeftOne }) => hasLeftOne);
  }

  /** Runs until the signal aborts and every worker has ended; rejects where the tree cannot run. */
  async run(signal: AbortSignal): Promise<void> {
    const { settings } = this.#options;
    cluster.setupPrimary({
      exec: join(import.meta.dirname, "worker-main.ts"),
      args: [],
      serialization: "json",
    });
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    this.#port = await claimPort(settings.listen);
    const tls = this.#followTlsFiles();
    const ended = new AbortController();
    const directories = this.#followDirectories(AbortSignal.any([signal, ended.signal]));
    try {
      while (!signal.aborted) {
        await this.#runTree(signal);
        if (this.#failure !== undefined) throw this.#failure;
        if (signal.aborted && !this.hasLetGoOfIndex) return;
        if (!(await this.#changeIndex(signal))) return;
      }
    } finally {
      tls?.stop();
      ended.abort();
      await directories;
      await this.#list.written();
    }
  }

  /** Does what all processes were stopped for; false where they are not to be started again. */
  async #changeIndex(signal: AbortSignal): Promise<boolean> {
    const { platform, recoverIndex, beginLog } = this.#options;
    const moveTo = this.#moveTo;
    this.#moveTo = undefined;
    if (this.#indexFailure === undefined) {
      if (signal.aborted) return false;
      if (this.#mayBeginLog) {
        this.#mayBeginLog = false;
        this.#known = await beginLog();
      } else if (moveTo !== undefined) await this.#moveIndex(moveTo);
      else return false;
    }
    if (this.#indexFailure === undefined) return true;
    platform.log("error", "index_verification_started", { reason: this.#indexFailure });
    this.#indexFailure = undefined;
    const hangs = this.#homeHangs;
    this.#homeHangs = false;
    this.#isChangingIndex = true;
    await recoverIndex(signal, hangs);
    this.#isChangingIndex = false;
    this.#moveFailure = undefined; // it may be elsewhere
    platform.log("warn", "index_verified", {});
    return true;
  }

  async #moveIndex(disk: DiskId): Promise<void> {
    const { platform, moveIndex, served } = this.#options;
    try {
      await moveIndex(disk);
      this.#moveFailure = undefined;
    } catch (thrown) {
      const message = messageOf(thrown);
      this.#moveFailure = message;
      platform.log("error", "index_not_handed_over", { message });
      if (served.current[0]?.disk === disk) this.#indexFailure = message;
    }
  }

  /** Takes disks in that come back, and follows those that are mounted elsewhere. Never throws. */
  async #followDirectories(signal: AbortSignal): Promise<void> {
    const { platform, served } = this.#options;
    for (;;) {
      await platform.clock.sleep(directoriesLookMs, signal);
      if (signal.aborted) return;
      if (this.#isChangingIndex) continue; // by those that are there now
      if (await served.look()) this.#sendDirectories();
    }
  }

  /**
   * Ends the processes once the disk of the index hangs, for another one to take over: they could
   * do nothing but refuse. Never rejects.
   */
  async #followHome(stop: AbortController, ended: AbortSignal): Promise<void> {
    const failure = await this.#homeWatch.untilHanging(ended);
    if (failure === undefined) return;
    this.#homeHangs = true;
    this.#indexFailure ??= failure;
    stop.abort();
  }

  #sendDirectories(): void {
    const directories = this.#options.served.current;
    for (const slot of this.#slots) slot.send({ type: "directories", directories });
  }

  /** Never rejects. */
  async #takeIn(asking: WorkerSlot, request: number, path: string): Promise<void> {
    const { served, platform } = this.#options;
    try {
      const result = { mount: await served.takeIn(path) };
      this.#sendDirectories();
      asking.send({ type: "taken_in", request, result });
      const disks = served.current.length + served.missing.length;
      if (disks <= this.#disksAtStart + spareDisks) return;
      const fix = "restart the server, so that each has threads of its own";
      platform.log("warn", "disks_share_threads", { disks, fix });
    } catch (thrown) {
      const message = messageOf(thrown);
      platform.log("warn", "directory_not_taken_in", { path, message });
      const code = isStoreError(thrown) ? thrown.code : "io";
      asking.send({ type: "taken_in", request, result: { code, message } });
    }
  }

  /** Never rejects. */
  async #disksChanged(removed: readonly DiskId[]): Promise<void> {
    const { served, platform } = this.#options;
    for (const disk of removed) await served.letGo(disk);
    this.#sendDirectories();
    const disks = served.current.length + served.missing.length;
    if (!this.#ready || this.#known >= loggedDisksMin || disks < loggedDisksMin) return;
    // All processes must append to it from the same commit on.
    platform.log("warn", "log_begins", { disks, restart: "of all processes" });
    this.#mayBeginLog = true;
    this.#stopTree.abort();
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
    const ended = new AbortController();
    const watching = this.#followHome(stop, ended.signal); // also during the stop
    await aborted(stop.signal);
    signal.removeEventListener("abort", onAbort);
    // Requests under way may still need what the background worker does, such as freeing space.
    if (!this.#homeHangs) await frontEndsEnded;
    stopBackground.abort();
    await Promise.all([frontEndsEnded, backgroundEnded]);
    // Who was left behind may wait for the disk of the index: nothing is done to that before it has
    // answered, or is known to hang.
    if (!this.hasLetGoOfIndex) {
      const stopping = aborted(AbortSignal.any([signal, ended.signal]));
      await Promise.race([this.#homeWatch.untilAnswering(), watching, stopping]);
    }
    ended.abort();
  }

  #slot(name: string, role: WorkerSlot["role"]): WorkerSlot {
    const { platform, settings } = this.#options;
    return new WorkerSlot({
      name,
      role,
      platform,
      list: this.#list,
      threads: (this.#disksAtStart + spareDisks) * diskThreadsMax + threadsReserve,
      socket: this.#slots.find((before) => before.name === name)?.socket ?? new SlotSocket(),
      stopTimes: () => {
        const isSoon = this.#moveTo !== undefined || this.#homeHangs;
        const finishMs = isSoon ? Math.min(settings.drain, finishForMoveMs) : settings.drain;
        // An index whose disk hangs cannot be closed.
        return this.#homeHangs ? { finishMs, closingMs: 0 } : { finishMs, closingMs };
      },
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
    const { served, settings, rootKey, secretsKey, jsonLog } = this.#options;
    const known = this.#known;
    const location = { ...this.#options.location, directories: served.current, known };
    this.#register.begins(run);
    const { name, role } = slot;
    const shippingAccess = role === "background" ? this.#options.shippingAccess : undefined;
    const moveFailure = this.#moveFailure;
    const common = {
      location,
      settings,
      rootKey,
      secretsKey,
      jsonLog,
      shippingAccess,
      moveFailure,
    };
    return { type: "start", name, role, ...common, port: this.#port, tlsPair: this.#tlsPair };
  }

  #receive(slot: WorkerSlot, run: number, message: FromWorker): void {
    switch (message.type) {
      case "alive":
      case "unbound":
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
      case "take_in":
        void this.#takeIn(slot, message.request, message.path);
        return;
      case "disks_changed":
        void this.#disksChanged(message.removed);
        return;
      case "move_index":
        if (!this.#ready) return; // it asks again
        this.#moveTo = message.disk;
        this.#stopTree.abort();
        return;
      case "index_failed":
        this.#indexFailure ??= `${slot.name}: ${message.message}`;
        this.#stopTree.abort();
        return;
      case "failed":
        // The index is not where it was, or is another: whether the store can go on shows once
        // every process has let go of it.
        if (this.#ready && losesIndex.has(message.code)) {
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

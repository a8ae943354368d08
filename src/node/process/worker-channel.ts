import type { SendHandle } from "node:child_process";
import { messageOf } from "../../base/errors.ts";
import type { SessionRoster } from "../../server/session-roster.ts";
import { emptyRoster } from "../../server/session-roster.ts";
import type { NamedAnswer, TreeAnswer, TreeQuestion } from "../../server/tree-questions.ts";
import type { DiskId } from "../../format/ids.ts";
import type { StoreLocation } from "../store/store-location.ts";
import type { ListeningSocket } from "../http/http-server.ts";
import type { FromWorker, StartMessage, TakenIn, ToWorker } from "./messages.ts";
import { aliveEveryMs } from "./silence.ts";

/**
 * @limit A process waits this long for the supervisor's answer, which waits 2 s for the others;
 * then it goes on without.
 */
const answersMs = 3_000;

/** @limit A directory is looked at, locked and written by then, or its disk is to be looked at. */
const takeInMs = 8_000;

/** A worker's end of the channel to the supervisor. */
export class WorkerChannel {
  readonly #stop = new AbortController();
  readonly #started = Promise.withResolvers<StartMessage>();
  readonly #takeIns = new Map<number, (result: TakenIn) => void>();
  #directories: StoreLocation["directories"] = [];
  readonly #questions = new Map<number, (answers: readonly NamedAnswer[]) => void>();
  #requests = 0;
  #roster = emptyRoster;
  #finishMs: number | undefined;
  #socket: ListeningSocket | undefined;
  /** Answers the questions of other processes. */
  answer: ((question: TreeQuestion) => TreeAnswer) | undefined;
  /** Called when somebody began or died. */
  onRoster: (() => void) | undefined;
  /** Called when data directories or disks of the store have changed. */
  onDirectories: (() => void) | undefined;
  /** Called with what was thrown while a message was taken. */
  onFault: ((thrown: unknown) => void) | undefined;

  constructor() {
    process.on("message", (message: ToWorker, socket?: ListeningSocket) => {
      try {
        if (message.type === "start") this.#socket = socket;
        this.#receive(message);
      } catch (error) {
        // The asking process goes without an answer; nothing here is worth the end of a process
        // that serves.
        this.onFault?.(error);
      }
    });
    // It is sent from the event loop, so that it ends when that hangs.
    setInterval(() => this.send({ type: "alive" }), aliveEveryMs).unref();
    // A terminal's Ctrl-C reaches the whole process group, but the order of ending is the
    // supervisor's business.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
  }

  get started(): Promise<StartMessage> {
    return this.#started.promise;
  }

  /** Aborts when this process must finish what it has in hand and end. */
  get stopSignal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The time that requests under way have to finish; undefined until it must end. */
  get finishMs(): number | undefined {
    return this.#finishMs;
  }

  /** The socket to listen on, where a worker that was killed has not let go of it. */
  get socket(): ListeningSocket | undefined {
    return this.#socket;
  }

  /** The roster as the supervisor sent it last. */
  get roster(): SessionRoster {
    return this.#roster;
  }

  /** The data directories that are locked, as the supervisor said last. */
  get directories(): StoreLocation["directories"] {
    return this.#directories;
  }

  send(message: FromWorker, socket?: ListeningSocket): void {
    if (process.connected) process.send?.(message, socket as SendHandle | undefined);
  }

  indexFailed(cause: unknown): void {
    this.send({ type: "index_failed", message: messageOf(cause) });
  }

  /** Has the supervisor lock a directory, and make it one of the store's. */
  takeIn(path: string): Promise<TakenIn> {
    const request = ++this.#requests;
    return new Promise((resolve) => {
      const message = `${path} did not answer within ${takeInMs / 1000} s: see the system's log`;
      const timeout = setTimeout(() => finish({ code: "unavailable", message }), takeInMs);
      const finish = (result: TakenIn): void => {
        clearTimeout(timeout);
        this.#takeIns.delete(request);
        resolve(result);
      };
      this.#takeIns.set(request, finish);
      this.send({ type: "take_in", request, path });
    });
  }

  /** Has all processes look at the registry now. */
  disksChanged(removed: readonly DiskId[]): void {
    this.send({ type: "disks_changed", removed });
  }

  /** Asks the other processes of the tree, and resolves with their answers. */
  gather(question: TreeQuestion): Promise<readonly NamedAnswer[]> {
    const request = ++this.#requests;
    return new Promise((resolve) => {
      const timeout = setTimeout(() => finish([]), answersMs);
      const finish = (answers: readonly NamedAnswer[]): void => {
        clearTimeout(timeout);
        this.#questions.delete(request);
        resolve(answers);
      };
      this.#questions.set(request, finish);
      this.send({ type: "gather", request, question });
    });
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case "start":
        this.#directories = message.location.directories;
        this.#started.resolve(message);
        return;
      case "directories":
        this.#directories = message.directories;
        this.onDirectories?.();
        return;
      case "taken_in":
        this.#takeIns.get(message.request)?.(message.result);
        return;
      case "stop":
        this.#finishMs = message.finishMs;
        this.#stop.abort();
        return;
      case "roster":
        this.#roster = message.roster;
        this.onRoster?.();
        return;
      case "ask": {
        const answer = this.answer?.(message.question) ?? {};
        this.send({ type: "answer", request: message.request, answer });
        return;
      }
      case "gathered":
        this.#questions.get(message.request)?.(message.answers);
    }
  }
}

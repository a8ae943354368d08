import { messageOf } from "../../base/errors.ts";
import type { SessionRoster } from "../../server/session-roster.ts";
import { emptyRoster } from "../../server/session-roster.ts";
import type { NamedAnswer, TreeAnswer, TreeQuestion } from "../../server/tree-questions.ts";
import type { FromWorker, StartMessage, ToWorker } from "./messages.ts";
import { aliveEveryMs } from "./silence.ts";

/**
 * @limit A process waits this long for the supervisor's answer, which waits 2 s for the others;
 * then it goes on without.
 */
const answersMs = 3_000;

/** A worker's end of the channel to the supervisor. */
export class WorkerChannel {
  readonly #stop = new AbortController();
  readonly #started = Promise.withResolvers<StartMessage>();
  readonly #questions = new Map<number, (answers: readonly NamedAnswer[]) => void>();
  #requests = 0;
  #roster = emptyRoster;
  /** Answers the questions of other processes. */
  answer: ((question: TreeQuestion) => TreeAnswer) | undefined;
  /** Called when somebody began or died. */
  onRoster: (() => void) | undefined;
  /** Called with what was thrown while a message was taken. */
  onFault: ((thrown: unknown) => void) | undefined;

  constructor() {
    process.on("message", (message: ToWorker) => {
      try {
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

  /** The roster as the supervisor sent it last. */
  get roster(): SessionRoster {
    return this.#roster;
  }

  send(message: FromWorker): void {
    if (process.connected) process.send?.(message);
  }

  indexFailed(cause: unknown): void {
    this.send({ type: "index_failed", message: messageOf(cause) });
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
        this.#started.resolve(message);
        return;
      case "stop":
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

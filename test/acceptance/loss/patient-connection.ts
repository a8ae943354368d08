import { setTimeout as sleep } from "node:timers/promises";
import {
  type Answer,
  errorCodeOf,
  type SendOptions,
} from "../../../src/node/testing/s3-connection.ts";
import { S3Connection } from "../../../src/node/testing/s3-connection.ts";
import { rootIdentity } from "../holdfast-server.ts";

/*
 * Requests as SDKs make them: what is answered with 503, and what breaks while processes start
 * again, is sent again. Everything else that fails is written down, since no loss of a disk may
 * show: the scenarios assert that nothing was.
 */

/** However busy the machine is, a request succeeds by then. */
const patienceMs = 120_000;
/** While processes may end: one that cannot even be killed closes no connection of its clients. */
const answerMsMax = 15_000;
const silenceLookMs = 1_000;
const pauseMs = 100;
const pauseMsMax = 2000;

/** What the connections of one store have met, all together. */
export class Failures {
  readonly #found: string[] = [];
  /** Requests that were sent again, by reason. */
  readonly again = new Map<string, number>();
  /** The longest that a request took, with all its tries. */
  longestMs = 0;
  /** While processes of the server end and start, so that connections may break. */
  mayBreak = false;

  add(what: string): void {
    this.#found.push(what);
  }

  sentAgain(why: string): void {
    this.again.set(why, (this.again.get(why) ?? 0) + 1);
  }

  /** Throws where a request has failed that must not. */
  assertNone(): void {
    const found = this.#found.splice(0);
    if (found.length === 0) return;
    const shown = found.slice(0, 10).join("\n  ");
    throw new Error(`${found.length} requests failed:\n  ${shown}`);
  }
}

/** The endpoint of the server that runs now; it changes when it is started again. */
export type Endpoint = () => string;

export class PatientConnection {
  readonly #endpoint: Endpoint;
  readonly #failures: Failures;
  #to = "";
  #connection: S3Connection | undefined;

  constructor(endpoint: Endpoint, failures: Failures) {
    this.#endpoint = endpoint;
    this.#failures = failures;
  }

  /** Sends until it succeeds; a failure that was written down is thrown, or answered as it came. */
  async send(method: string, target: string, options: SendOptions = {}): Promise<Answer> {
    const what = `${method} ${target}`;
    const beganMs = performance.now();
    for (let pause = pauseMs; ; pause = Math.min(2 * pause, pauseMsMax)) {
      const couldBreak = this.#failures.mayBreak;
      let why: string;
      try {
        const answer = await this.#sendOnce(method, target, options);
        this.#failures.longestMs = Math.max(this.#failures.longestMs, performance.now() - beganMs);
        if (answer.status < 500) return answer;
        why = `${answer.status} ${errorCodeOf(answer) ?? ""}`;
        if (answer.status !== 503) {
          this.#failures.add(`${what}: ${why} ${answer.body.toString()}`);
          return answer;
        }
      } catch (error) {
        why = error instanceof Error ? error.message : String(error);
        if (!couldBreak && !this.#failures.mayBreak) {
          this.#failures.add(`${what}: ${why}`);
          throw error;
        }
      }
      this.#failures.sentAgain(why);
      if (performance.now() - beganMs > patienceMs) {
        this.#failures.add(`${what}: nothing but ${why} for ${patienceMs / 1000} s`);
        throw new Error(`${what}: ${why}`);
      }
      await sleep(pause);
    }
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** Breaks off what has no answer for long, as SDKs do. */
  async #sendOnce(method: string, target: string, options: SendOptions): Promise<Answer> {
    const beganMs = performance.now();
    const look = setInterval(() => {
      const isLate = performance.now() - beganMs > answerMsMax;
      if (isLate && this.#failures.mayBreak) this.close();
    }, silenceLookMs);
    try {
      return await this.#current().send(method, target, options);
    } finally {
      clearInterval(look);
    }
  }

  #current(): S3Connection {
    const endpoint = this.#endpoint();
    if (this.#connection === undefined || this.#to !== endpoint) {
      this.close();
      this.#to = endpoint;
      this.#connection = new S3Connection(endpoint, rootIdentity);
    }
    return this.#connection;
  }
}

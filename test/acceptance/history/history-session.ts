import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, S3Connection, SendOptions } from "../../../src/node/testing/s3-connection.ts";
import { never, nowUs, type Observation, type SeenStep } from "./observation.ts";

export interface Place {
  readonly bucket: string;
  readonly key: string;
}

/** A request, and its outcome for the client. */
export interface Asked {
  readonly label: string;
  readonly start: number;
  readonly end: number;
  /** Undefined: not known; it may have happened, or may still. */
  readonly answer: Answer | undefined;
}

/** A client asks this long after it found nobody listening. */
const pauseMs = 20;

export function placeName({ bucket, key }: Place): string {
  return `${bucket}/${key}`;
}

/** Asks, and keeps what it saw: one request at a time. */
export class HistorySession {
  readonly #name: string;
  readonly #observe: (observation: Observation) => void;
  readonly #connect: () => S3Connection;
  #connection: S3Connection | undefined;
  #count = 0;

  constructor(options: {
    readonly name: string;
    readonly observe: (observation: Observation) => void;
    /** Connects to the server that runs now. */
    readonly connect: () => S3Connection;
  }) {
    this.#name = options.name;
    this.#observe = options.observe;
    this.#connect = options.connect;
  }

  nextName(): string {
    return `${this.#name}-${++this.#count}`;
  }

  /** Undefined: nobody was there to be asked. */
  async ask(method: string, target: string, options: SendOptions = {}): Promise<Asked | undefined> {
    const label = `${this.#name} ${method} ${target}`;
    const start = nowUs();
    this.#connection ??= this.#connect();
    let answer: Answer | undefined;
    try {
      answer = await this.#connection.send(method, target, options);
    } catch (error) {
      this.reconnect();
      if ((error as NodeJS.ErrnoException).code === "ECONNREFUSED") {
        await sleep(pauseMs);
        return undefined;
      }
    }
    const isKnown = answer !== undefined && answer.status < 500;
    const end = nowUs() + 1;
    return { label, start, end, answer: isKnown ? answer : undefined };
  }

  /** The next request goes to whichever worker the kernel picks. */
  reconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** A step that happened for certain, between asking and the answer. */
  saw(place: Place, { label, start, end }: Asked, step: SeenStep): void {
    this.#observe({
      kind: "step",
      target: placeName(place),
      step,
      start,
      end,
      certain: true,
      label,
    });
  }

  /** A step that may happen at any time after asking, or never. */
  mayHave(place: Place, { label, start }: Asked, step: SeenStep): void {
    const when = { start, end: never, certain: false };
    this.#observe({ kind: "step", target: placeName(place), step, ...when, label });
  }

  learned(place: Place, id: string, name: string): void {
    if (id !== "null") this.#observe({ kind: "version", target: placeName(place), id, name });
  }

  complain({ label, answer }: Asked, what: string): void {
    const said =
      answer === undefined ? "" : `${answer.status} ${answer.body.toString().slice(0, 500)}`;
    this.#observe({ kind: "complaint", complaint: `${label}: ${what}: ${said}` });
  }
}

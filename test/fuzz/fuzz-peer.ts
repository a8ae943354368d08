import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { AnswerParser } from "../../tools/bench/load/answer-parser.ts";

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: Buffer;
  header(name: string): string | undefined;
}

export interface Outcome {
  /** Complete answers, in order. */
  readonly answers: readonly Answer[];
  /** `broken`: in the middle of an answer; `late`: nothing came for far too long. */
  readonly end: "open" | "closed" | "broken" | "late";
  /** The reason why an answer is not HTTP. */
  readonly unreadable?: string | undefined;
}

export type Delivery = "whole" | "pieces" | "dropped";

/** Longer than any refusal takes: the server lingers 5 s for the rest of a body. */
const answerMsMax = 20_000;
/** Nothing more comes for what is not whole: longer than nearly every answer takes. */
const silenceMs = 150;

/**
 * A client's end of connections to one server: raw bytes out, answers in. A new connection is made
 * when one is needed.
 */
export class FuzzPeer {
  readonly #port: number;
  #socket: Socket | undefined;
  #receive: (piece: Buffer | undefined) => void = () => undefined;

  constructor(port: number) {
    this.#port = port;
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /**
   * Sends requests that are whole, one behind the other, and reads as many answers.
   *
   * @param heads which of them are HEAD.
   */
  async exchange(bytes: Buffer, heads: readonly boolean[], delivery: Delivery): Promise<Outcome> {
    const socket = await this.#open();
    const reading = this.#read(socket, heads, heads.length);
    await deliver(socket, bytes, delivery);
    const outcome = await reading;
    if (outcome.end !== "open") this.close();
    return outcome;
  }

  /**
   * Sends what may be no whole request, and reads all that is answered. An answer that is due comes
   * at once; behind it, or where none is coming, the connection is half-closed.
   */
  async exchangeLast(bytes: Buffer, isHead: boolean, delivery: Delivery): Promise<Outcome> {
    this.close();
    const socket = await this.#open();
    const answered = Promise.withResolvers<void>();
    const reading = this.#read(socket, [isHead], Number.POSITIVE_INFINITY, answered.resolve);
    await deliver(socket, bytes, delivery);
    const timer = setTimeout(answered.resolve, silenceMs);
    await Promise.race([answered.promise, reading]);
    clearTimeout(timer);
    if (!socket.destroyed) socket.end();
    const outcome = await reading;
    this.close();
    return outcome;
  }

  /** Sends, and is gone before there can be an answer. */
  async drop(bytes: Buffer): Promise<void> {
    const socket = await this.#open();
    await new Promise<void>((done) => {
      socket.write(bytes, () => done());
      socket.once("close", () => done());
    });
    this.close();
  }

  #open(): Promise<Socket> {
    if (this.#socket !== undefined && !this.#socket.destroyed) return Promise.resolve(this.#socket);
    return new Promise((done, fail) => {
      const socket = connect({
        port: this.#port,
        host: "127.0.0.1",
        noDelay: true,
        allowHalfOpen: true,
      });
      socket.once("connect", () => done(socket));
      socket.once("error", fail);
      socket.on("error", () => undefined); // a reset is one way to close
      // Further bytes of the connection before are of no interest.
      const receive = (piece: Buffer | undefined): void => {
        if (this.#socket === socket) this.#receive(piece);
      };
      socket.on("data", receive);
      socket.on("end", () => receive(undefined));
      socket.on("close", () => receive(undefined));
      this.#socket = socket;
    });
  }

  #read(
    socket: Socket,
    heads: readonly boolean[],
    count: number,
    onAnswer: () => void = () => undefined,
  ): Promise<Outcome> {
    return new Promise((done) => {
      const answers: Answer[] = [];
      let pieces: Buffer[] = [];
      const next = (): AnswerParser =>
        new AnswerParser({
          withoutBody: heads[answers.length] ?? false,
          sink: (p) => pieces.push(p),
        });
      let parser = next();
      const finish = (end: Outcome["end"], unreadable?: string): void => {
        clearTimeout(timer);
        this.#receive = () => undefined;
        if (end !== "open") socket.destroy();
        done({ answers, end, unreadable });
      };
      const timer = setTimeout(() => finish("late"), answerMsMax);
      const complete = (): void => {
        const { status, head } = parser;
        const own = parser;
        answers.push({
          status,
          head,
          body: Buffer.concat(pieces),
          header: (name) => own.header(name),
        });
        pieces = [];
        parser = next();
        onAnswer();
      };
      const take = (piece: Buffer): void => {
        let rest = piece;
        while (rest.length > 0) {
          rest = parser.push(rest);
          if (!parser.done) return;
          const closes = parser.closes;
          complete();
          if (answers.length >= count) {
            // A request that could not be parsed is answered with a body, whatever its method was.
            const isUnparsed = closes && heads.at(-1) === true && answers.at(-1)?.status === 400;
            const isMore = rest.length > 0 && !isUnparsed;
            finish(closes ? "closed" : "open", isMore ? "more than was asked for" : undefined);
            return;
          }
        }
      };
      this.#receive = (piece) => {
        try {
          if (piece !== undefined) take(piece);
          else if (parser.end()) {
            complete();
            finish("closed");
          } else finish(parser.status >= 200 ? "broken" : "closed");
        } catch (error) {
          finish("broken", (error as Error).message); // the parser throws nothing else
        }
      };
      if (socket.destroyed) finish("closed");
    });
  }
}

async function deliver(socket: Socket, bytes: Buffer, delivery: Delivery): Promise<void> {
  if (delivery !== "pieces") {
    socket.write(bytes);
    return;
  }
  const pieceBytes = Math.max(1, Math.ceil(bytes.length / 6));
  for (let at = 0; at < bytes.length && !socket.destroyed; at += pieceBytes) {
    socket.write(bytes.subarray(at, at + pieceBytes));
    await sleep(1);
  }
}

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { PayloadError } from "../../auth/payload-error.ts";
import type { HttpLimits } from "./limits.ts";
import { answerTo, bodyFailure, endConnection } from "./unreadable.ts";

/** A peer's connection: its requests are served one after the other, as their answers must be sent. */
export class Connection {
  readonly #socket: Socket;
  readonly #limits: HttpLimits;
  /** Beyond those that are served: told to slow down. */
  readonly isSurplus: boolean;
  readonly #waiting: (() => void)[] = [];
  #busy = false;
  #ended = false;
  #unreadable: PayloadError | undefined;
  #loseBody: ((failure: PayloadError) => void) | undefined;

  constructor(socket: Socket, isSurplus: boolean, limits: HttpLimits) {
    this.#socket = socket;
    this.isSurplus = isSurplus;
    this.#limits = limits;
  }

  /** Whether an answer is due or on its way. */
  get isServing(): boolean {
    return this.#busy;
  }

  /** Whether nothing more can be read: the answers that are due are the last. */
  get isUnreadable(): boolean {
    return this.#unreadable !== undefined;
  }

  /** Starts serving, now or when the answer before is out; `done` is to be called once this one's is. */
  serve(start: () => void): void {
    if (this.#socket.destroyed || this.#ended) return; // the parser goes on to the end of what it was given
    if (!this.#busy) {
      this.#busy = true;
      start();
    } else if (this.#waiting.length < this.#limits.pipelined) {
      this.#waiting.push(start);
    } else {
      this.#waiting.length = 0;
      this.#socket.destroy();
    }
  }

  /**
   * The peer is told that this answer is the last: what it sent behind it must not be done, since it will send that again
   * (RFC 9112, 9.6).
   */
  end(): void {
    this.#ended = true;
    this.#waiting.length = 0;
  }

  /** What the peer sends can't be read any further. What is being served is answered still; then the connection ends. */
  cannotRead(failure: PayloadError): void {
    this.#unreadable ??= failure;
    this.#loseBody?.(failure);
  }

  /** @param loseBody called when the body of the request being served will never be whole. */
  reading(loseBody: (failure: PayloadError) => void): void {
    this.#loseBody = loseBody;
    if (this.#unreadable !== undefined) loseBody(this.#unreadable);
  }

  done(): void {
    const next = this.#waiting.shift();
    this.#busy = next !== undefined;
    this.#loseBody = undefined;
    if (this.#socket.destroyed) return;
    if (next !== undefined) next();
    else if (this.isUnreadable) endConnection(this.#socket, undefined, this.#limits.lingerMs);
  }
}

export class Connections {
  readonly #limits: HttpLimits;
  readonly #open = new Map<Duplex, Connection>();
  /** With those whose TLS handshake is not done. */
  readonly #accepted = new Set<Socket>();

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#open.size;
  }

  accepted(socket: Socket): void {
    this.#accepted.add(socket);
    socket.once("close", () => this.#accepted.delete(socket));
  }

  destroyAll(): void {
    for (const socket of this.#accepted) socket.destroy();
  }

  /** Requests may come. */
  opened(socket: Socket): void {
    const isSurplus = this.#open.size >= this.#limits.connections;
    const connection = new Connection(socket, isSurplus, this.#limits);
    this.#open.set(socket, connection);
    socket.once("close", () => this.#open.delete(socket));
  }

  /** Undefined once it has closed. */
  of(socket: Duplex): Connection | undefined {
    return this.#open.get(socket);
  }

  /** The parser gave up. Requests that are served must not lose their answers: what they change may be committed. */
  cannotRead(error: NodeJS.ErrnoException, socket: Duplex): void {
    const answer = answerTo(error);
    const connection = this.of(socket);
    if (answer === undefined) socket.destroy();
    else if (connection?.isServing === true) connection.cannotRead(bodyFailure(error));
    else endConnection(socket, answer, this.#limits.lingerMs);
  }
}

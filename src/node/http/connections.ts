import type { Socket } from "node:net";
import type { HttpLimits } from "./limits.ts";

/** A peer's connection: its requests are served one after the other, as their answers must be sent. */
export class Connection {
  readonly #socket: Socket;
  readonly #pipelinedMax: number;
  /** Beyond those that are served: told to slow down. */
  readonly isSurplus: boolean;
  readonly #waiting: (() => void)[] = [];
  #busy = false;
  #ended = false;

  constructor(socket: Socket, isSurplus: boolean, pipelinedMax: number) {
    this.#socket = socket;
    this.isSurplus = isSurplus;
    this.#pipelinedMax = pipelinedMax;
  }

  /** Starts serving, now or when the answer before is out; `done` is to be called once this one's is. */
  serve(start: () => void): void {
    if (this.#socket.destroyed || this.#ended) return; // the parser goes on to the end of what it was given
    if (!this.#busy) {
      this.#busy = true;
      start();
    } else if (this.#waiting.length < this.#pipelinedMax) {
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

  done(): void {
    const next = this.#waiting.shift();
    this.#busy = next !== undefined;
    if (!this.#socket.destroyed) next?.();
  }
}

export class Connections {
  readonly #limits: HttpLimits;
  readonly #open = new Map<Socket, Connection>();
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
    const { connections, pipelined } = this.#limits;
    const connection = new Connection(socket, this.#open.size >= connections, pipelined);
    this.#open.set(socket, connection);
    socket.once("close", () => this.#open.delete(socket));
  }

  /** Undefined once it has closed. */
  of(socket: Socket): Connection | undefined {
    return this.#open.get(socket);
  }
}

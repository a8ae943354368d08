import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * What becomes of connections: `pass`: to the server. `refuse`: they end at once. `busy`: each is
 * answered 503. `cut`: they end in the midst of the request.
 */
export type ProxyMode = "pass" | "refuse" | "busy" | "cut";

/** Bytes of a request that pass before it is cut. */
const cutAfterBytes = 700;

/** Stands before a server, which may be another one after a while, and fails as a network does. */
export class BreakingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mode: ProxyMode = "pass";
  /** The port of the server. */
  port: number;
  /** Connections that were refused, answered 503 or cut. */
  broken = 0;

  private constructor(port: number) {
    this.port = port;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async before(port: number): Promise<BreakingProxy> {
    const proxy = new BreakingProxy(port);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`; // it listens on TCP
  }

  /** Changes what becomes of connections; those that are open end. */
  become(mode: ProxyMode): void {
    this.#mode = mode;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.become("refuse");
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket)).on("error", () => socket.destroy());
    if (this.#mode !== "pass") this.broken++;
    if (this.#mode === "refuse") socket.destroy();
    else if (this.#mode === "busy") {
      const answer = "HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
      socket.once("data", () => socket.end(answer)).resume();
    } else this.#forward(socket, this.#mode === "cut" ? cutAfterBytes : Number.POSITIVE_INFINITY);
  }

  #forward(socket: Socket, bytesMax: number): void {
    const server = connect(this.port, "127.0.0.1");
    let bytes = 0;
    socket.on("data", (piece: Buffer) => {
      server.write(piece.subarray(0, bytesMax - bytes));
      bytes += piece.length;
      if (bytes > bytesMax) socket.destroy();
    });
    server.on("data", (piece) => socket.write(piece));
    const end = (): void => {
      socket.destroy();
      server.destroy();
    };
    server.once("close", end).on("error", end);
    socket.once("close", end);
  }
}

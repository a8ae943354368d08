import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { aborted } from "../../base/ready.ts";
import { StoreError } from "../../base/errors.ts";
import type { HttpHandler } from "../../platform/http.ts";
import type { Log, Service } from "../../platform/platform.ts";
import { AnswerWriter, copiedBytesMax } from "./answer-writer.ts";
import { Connection, type Serving } from "./connection.ts";
import { HeadParser } from "./head-parser.ts";
import { httpLimits, type HttpLimits } from "./limits.ts";
import { WrongProtocol } from "./wrong-protocol.ts";
import { readTlsPair, reloadMs, type TlsFiles, type TlsPair, TlsReload } from "./tls.ts";

/*
 * The HTTP/1.1 server: it listens, keeps the connections and their limits, and lets requests
 * under way finish at a stop. What is said on one connection stands in connection.ts.
 */

export interface HttpServerOptions {
  readonly handler: HttpHandler;
  readonly log: Log;
  readonly host: string;
  /** The port to listen on; 0: any free one. */
  readonly port: number;
  /** Other processes of this server listen on the same port. */
  readonly shared?: boolean | undefined;
  /** Listens on this socket, which another process began to listen on. */
  readonly socket?: ListeningSocket | undefined;
  /** Serves https, with what these files hold at the time. */
  readonly tls?: TlsFiles | undefined;
  /** Used until the files hold a pair that fits; without it, files that do not fit are an error. */
  readonly tlsPair?: TlsPair | undefined;
  readonly tlsReloadMs?: number | undefined;
  /** Time that requests under way have to finish; asked for once the signal has aborted. */
  readonly finishMs: () => number;
  readonly limits?: Partial<HttpLimits> | undefined;
}

/** A socket that is listened on, as processes hand it on: who only keeps it accepts nothing. */
export interface ListeningSocket {
  close(): void;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Counts of the server's connections and requests. */
export interface HttpServerStatistics {
  readonly connections: number;
  readonly requests: number;
  /** Bodies and answers that wait for their peers. */
  readonly waitingForPeers: number;
  /** Requests answered SlowDown since the start, by the limit they met. */
  readonly refused: { readonly connections: number; readonly requests: number };
}

/**
 * Times that a peer has are looked at so often within the shortest of them: it is cut off at most
 * an eighth late.
 */
const looksPerTime = 8;

export class HttpServer implements Service {
  readonly name = "http";
  readonly #options: HttpServerOptions;
  readonly #limits: HttpLimits;
  readonly #serving: Serving;
  readonly #server: Server | TlsServer;
  readonly #connections = new Set<Connection>();
  /** All sockets, those in a TLS handshake too. */
  readonly #sockets = new Set<Socket>();
  #reload: TlsReload | undefined;
  readonly #listening = Promise.withResolvers<ListenAddress>();

  constructor(options: HttpServerOptions) {
    const { handler, log } = options;
    const limits = { ...httpLimits, ...options.limits };
    const secure = options.tls !== undefined;
    this.#options = options;
    this.#limits = limits;
    this.#serving = {
      handler,
      limits,
      log,
      secure,
      parser: new HeadParser(limits),
      writer: new AnswerWriter(limits.keepAliveMs, secure),
      wrongProtocol: new WrongProtocol(log),
      isStopping: false,
      underWay: 0,
      refused: { connections: 0, requests: 0 },
    };
    this.#server = this.#createServer();
    this.#listening.promise.catch(() => undefined); // run() throws the same to its owner
  }

  /** Where it listens, once `run` has got that far; rejects where it could not. */
  get listening(): Promise<ListenAddress> {
    return this.#listening.promise;
  }

  /** The socket that it alone listens on; undefined where all processes share one. */
  get socket(): ListeningSocket | undefined {
    if (!kernelSharesPorts || this.#options.shared !== true) return undefined;
    // Node has no other name for it; `listen` is documented to take it.
    return (this.#server as { readonly _handle?: ListeningSocket })._handle;
  }

  statistics(): HttpServerStatistics {
    let waitingForPeers = 0;
    for (const connection of this.#connections) waitingForPeers += connection.peerWaits;
    return {
      connections: this.#connections.size,
      requests: this.#serving.underWay,
      waitingForPeers,
      refused: { ...this.#serving.refused },
    };
  }

  /** Listens until the signal aborts; then finishes what is under way, and closes what is not. */
  async run(signal: AbortSignal): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.once("close", resolve));
    await this.#listen();
    const { headersMs, bodyWindowMs, pieceMs, silentMs, keepAliveMs, lingerMs } = this.#limits;
    const shortestMs = Math.min(headersMs, bodyWindowMs, pieceMs, silentMs, keepAliveMs, lingerMs);
    const lookMs = Math.ceil(shortestMs / looksPerTime);
    const looks = setInterval(() => {
      for (const connection of this.#connections) connection.passed(lookMs);
    }, lookMs);
    await aborted(signal);
    this.#serving.isStopping = true;
    this.#server.close();
    for (const connection of this.#connections) connection.stop();
    const deadline = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, this.#options.finishMs());
    await closed;
    clearTimeout(deadline);
    clearInterval(looks);
    this.#reload?.stop();
  }

  #createServer(): Server | TlsServer {
    const { tls } = this.#options;
    const options = { noDelay: true, highWaterMark: copiedBytesMax };
    const server =
      tls === undefined
        ? createServer({ ...options, allowHalfOpen: true })
        : this.#createTlsServer(tls, options);
    server.maxConnections = this.#limits.connections + this.#limits.surplusConnections;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    if (tls === undefined) server.on("connection", (socket) => this.#opened(socket));
    return server;
  }

  #createTlsServer(files: TlsFiles, options: object): TlsServer {
    const { log, tlsReloadMs = reloadMs, tlsPair } = this.#options;
    const pair = tlsPair ?? readTlsPair(files);
    const { headersMs: handshakeTimeout, lingerMs } = this.#limits;
    const ALPNProtocols = ["http/1.1"];
    const server = createTlsServer({ ...options, ...pair, ALPNProtocols, handshakeTimeout });
    server.on("secureConnection", (socket) => {
      // With TLS too, who has sent all may say so and still reads the answer; but not before the
      // handshake.
      socket.allowHalfOpen = true;
      this.#opened(socket);
    });
    server.on("tlsClientError", (error, socket) => {
      if (!this.#serving.wrongProtocol.answerHttp(error, socket, lingerMs)) socket.destroy();
    });
    this.#reload = new TlsReload({
      files,
      pair,
      log,
      intervalMs: tlsReloadMs,
      use: (next) => server.setSecureContext(next),
    });
    return server;
  }

  /** Called when a connection is ready for requests. */
  #opened(socket: Socket): void {
    const isSurplus = this.#connections.size >= this.#limits.connections;
    const connection = new Connection(socket, isSurplus, this.#serving);
    this.#connections.add(connection);
    socket.once("close", () => this.#connections.delete(connection));
  }

  #listen(): Promise<void> {
    const { host, port, shared = false, socket } = this.#options;
    const reusePort = shared && kernelSharesPorts;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => {
        const error = listenError(cause, host, port);
        this.#listening.reject(error);
        reject(error);
      });
      this.#server.listen(socket ?? { host, port, reusePort }, () => {
        const address = this.#server.address() as AddressInfo; // it is a TCP server
        this.#listening.resolve({ host, port: address.port });
        resolve();
      });
    });
  }
}

/**
 * Each worker listens by itself and the kernel spreads connections over them; where it cannot, they
 * share one socket (cluster's SCHED_NONE). Either way no process stands between a client and its
 * worker: with cluster's round robin, a connection on its way to a worker that was just killed was
 * never answered and never closed.
 */
const kernelSharesPorts = ["linux", "freebsd", "sunos", "aix"].includes(process.platform);

export function listenError(cause: NodeJS.ErrnoException, host: string, port: number): StoreError {
  const where = `${host}:${port}`;
  const reasons: Record<string, string> = {
    EADDRINUSE: "another program listens there: stop it, or give another port with --listen",
    EADDRNOTAVAIL: "this machine has no such address: give one it has with --listen",
    EACCES: "ports below 1024 need privileges: give a higher one with --listen",
    ENOTFOUND: "no such host: give an address of this machine with --listen",
  };
  const reason = reasons[cause.code ?? ""] ?? cause.message;
  return new StoreError("invalid", `cannot listen on ${where}: ${reason}`, { cause });
}

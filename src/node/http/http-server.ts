import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { aborted } from "../../base/aborted.ts";
import { StoreError } from "../../base/errors.ts";
import type { HttpHandler } from "../../platform/http.ts";
import type { Log } from "../../platform/log.ts";
import type { Service } from "../../platform/service.ts";
import { bareAnswer } from "./bare-answer.ts";
import { Connections } from "./connections.ts";
import { Exchange } from "./exchange.ts";
import { httpLimits, type HttpLimits } from "./limits.ts";
import { PeerWatch } from "./peer-watch.ts";
import { WrongProtocol } from "./wrong-protocol.ts";
import { readTlsPair, reloadMs, type TlsFiles, TlsReload } from "./tls-files.ts";
import type { TlsPair } from "./tls-pair.ts";

/*
 * The bridge from node:http to our own request and response: protocol code never meets a socket. It keeps the bounds a
 * peer could break (sizes, counts, silence), and ends connections so that the peer has read its answer first.
 */

export interface HttpServerOptions {
  readonly handler: HttpHandler;
  readonly log: Log;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Other processes of this server listen on the same port. */
  readonly shared?: boolean | undefined;
  /** Serves https, with what these files hold at the time. */
  readonly tls?: TlsFiles | undefined;
  /** Served with until they hold what can be used; without it, that they do not is an error. */
  readonly tlsPair?: TlsPair | undefined;
  readonly tlsReloadMs?: number | undefined;
  /** After the stop signal, requests under way have this long. */
  readonly drainMs: number;
  readonly limits?: Partial<HttpLimits> | undefined;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What it has in hand. */
export interface HttpServerStatistics {
  readonly connections: number;
  readonly requests: number;
  /** Bodies and answers that wait for their peers. */
  readonly waitingForPeers: number;
  /** Requests answered SlowDown since the start, by the limit they met. */
  readonly refused: { readonly connections: number; readonly requests: number };
}

export class HttpServer implements Service {
  readonly name = "http";
  readonly #options: HttpServerOptions;
  readonly #limits: HttpLimits;
  readonly #watch: PeerWatch;
  readonly #connections: Connections;
  readonly #server: Server | TlsServer;
  #reload: TlsReload | undefined;
  readonly #listening = Promise.withResolvers<ListenAddress>();
  #underWay = 0;
  readonly #refused = { connections: 0, requests: 0 };
  #stopping = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#limits = { ...httpLimits, ...options.limits };
    this.#watch = new PeerWatch(Math.min(this.#limits.bodyWindowMs, this.#limits.pieceMs));
    this.#connections = new Connections(this.#limits);
    this.#server = this.#createServer();
    this.#listening.promise.catch(() => undefined); // run() throws the same to its owner
  }

  /** Where it listens, once `run` has got that far; rejects where it could not. */
  get listening(): Promise<ListenAddress> {
    return this.#listening.promise;
  }

  statistics(): HttpServerStatistics {
    return {
      connections: this.#connections.count,
      requests: this.#underWay,
      waitingForPeers: this.#watch.count,
      refused: { ...this.#refused },
    };
  }

  /** Listens until the signal aborts; then finishes what is under way, and closes what is not. */
  async run(signal: AbortSignal): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.once("close", resolve));
    await this.#listen();
    await aborted(signal);
    this.#stopping = true;
    this.#server.close(); // stops accepting, and closes connections that are idle now
    const deadline = setTimeout(() => this.#connections.destroyAll(), this.#options.drainMs);
    await closed;
    clearTimeout(deadline);
    this.#reload?.stop();
  }

  #createServer(): Server | TlsServer {
    const limits = this.#limits;
    const options = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: Math.ceil(limits.headersMs / looksPerTimeout),
      requestTimeout: 0, // a 5 GiB part over a slow line takes its time; the body's pace is watched instead
      keepAliveTimeout: limits.keepAliveMs,
      requireHostHeader: false, // the exchange answers it in S3's form
    };
    const { tls } = this.#options;
    const server = tls === undefined ? createServer(options) : this.#createTlsServer(tls, options);
    (server as HalfOpenServer).httpAllowHalfOpen = true; // node:http has it, its types do not
    server.maxHeadersCount = 0; // none dropped silently: the exchange refuses too many
    server.maxConnections = limits.connections + limits.surplusConnections;
    server.timeout = limits.silentMs;
    server.on("connection", (socket) => this.#connections.accepted(socket));
    const opened = (socket: Socket): void => {
      // With TLS too, who has sent all may say so and still reads the answer; but not before the handshake.
      socket.allowHalfOpen = true;
      this.#connections.opened(socket);
    };
    if (tls === undefined) server.on("connection", opened);
    else server.on("secureConnection", opened);
    const onRequest = (message: IncomingMessage, response: ServerResponse): void => {
      this.#take(message, response);
    };
    // What else a client expects is not S3's to refuse: it is as if it had not been said.
    for (const event of ["request", "checkContinue", "checkExpectation"] as const) {
      server.on(event, onRequest);
    }
    const wrongProtocol = new WrongProtocol(this.#options.log);
    server.on("clientError", (error, socket) => {
      // Whoever is being served speaks the right protocol, whatever follows.
      const isServing = this.#connections.of(socket)?.isServing === true;
      if (!isServing && wrongProtocol.answer(error, socket, limits.lingerMs)) return;
      this.#connections.cannotRead(error, socket);
    });
    return server;
  }

  #createTlsServer(files: TlsFiles, options: ServerOptions): TlsServer {
    const { log, tlsReloadMs = reloadMs, tlsPair } = this.#options;
    const pair = tlsPair ?? readTlsPair(files);
    const handshakeTimeout = this.#limits.headersMs;
    const server = createTlsServer({ ...options, ...pair, handshakeTimeout });
    this.#reload = new TlsReload({
      files,
      pair,
      log,
      intervalMs: tlsReloadMs,
      use: (next) => server.setSecureContext(next),
    });
    return server;
  }

  #take(message: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.of(message.socket);
    connection?.serve(() => {
      const isOver = connection.isSurplus || this.#underWay >= this.#limits.requests;
      if (isOver) this.#refused[connection.isSurplus ? "connections" : "requests"]++;
      else this.#underWay++;
      let openEnds = 2; // the handler may go on after its peer has left, or the peer read on after that is done
      const onEnd = (): void => {
        openEnds--;
        if (openEnds > 0) return;
        if (!isOver) this.#underWay--;
        connection.done();
        if (this.#stopping) this.#server.closeIdleConnections();
      };
      response.on("close", onEnd);
      const handler: HttpHandler = isOver ? () => bareAnswer("overloaded") : this.#options.handler;
      const { log } = this.#options;
      const exchange = new Exchange(message, response, {
        limits: this.#limits,
        watch: this.#watch,
        log,
        secure: this.#options.tls !== undefined,
        onLast: () => connection.end(),
        isUnreadable: () => connection.isUnreadable,
      });
      connection.reading((failure) => exchange.loseBody(failure));
      // Never rejects; its owner is the connection, which closes with us.
      void exchange.run(handler, () => this.#stopping || connection.isSurplus).then(onEnd);
    });
  }

  #listen(): Promise<void> {
    const { host, port, shared = false } = this.#options;
    const reusePort = shared && kernelSharesPorts;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (cause: NodeJS.ErrnoException) => {
        const error = listenError(cause, host, port);
        this.#listening.reject(error);
        reject(error);
      });
      this.#server.listen({ host, port, reusePort }, () => {
        const address = this.#server.address() as AddressInfo; // it is a TCP server
        this.#listening.resolve({ host, port: address.port });
        resolve();
      });
    });
  }
}

interface HalfOpenServer {
  httpAllowHalfOpen?: boolean;
}

/** A peer that is too slow with its headers is noticed at most so much of their time late. */
const looksPerTimeout = 8;

/**
 * Each worker listens by itself and the kernel spreads connections over them; where it cannot, they share one socket
 * (cluster's SCHED_NONE). Either way no process stands between a client and its worker: with cluster's round robin, a
 * connection on its way to a worker that was just killed was never answered and never closed.
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

import { connect, type Socket } from "node:net";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { HttpHandler } from "../../platform/http.ts";
import type { HttpLimits } from "../http/limits.ts";
import { HttpServer, type HttpServerOptions } from "../http/http-server.ts";

export interface Running extends AsyncDisposable {
  readonly port: number;
  readonly server: HttpServer;
  stop(): Promise<void>;
}

export async function serve(
  handler: HttpHandler,
  limits: Partial<HttpLimits> = {},
  finishMs = 2_000,
  more: Partial<HttpServerOptions> = {},
): Promise<Running> {
  const stopping = new AbortController();
  const log = (): void => undefined;
  const where = { host: "127.0.0.1", port: 0 };
  const server = new HttpServer({
    handler,
    log,
    ...where,
    finishMs: () => finishMs,
    limits,
    ...more,
  });
  const running = server.run(stopping.signal);
  const { port } = await server.listening;
  const stop = async (): Promise<void> => {
    stopping.abort();
    await running;
  };
  return { port, server, stop, [Symbol.asyncDispose]: stop };
}

/** A raw connection: what was sent back so far, and its end. */
export class HttpPeer {
  readonly socket: Socket;
  received = "";
  readonly closed: Promise<void>;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (data) => {
      this.received += data.toString("latin1");
    });
    this.socket.on("error", () => undefined);
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
  }

  send(text: string): void {
    this.socket.write(text);
  }

  async until(text: string): Promise<string> {
    while (!this.received.includes(text)) {
      if (this.socket.destroyed) throw new Error(`closed before ${text}: ${this.received}`);
      const data = new Promise((resolve) => this.socket.once("data", resolve));
      await Promise.race([data, this.closed]);
    }
    return this.received;
  }
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of body) bytes += piece.length;
  return bytes;
}

export const echoLength: HttpHandler = async (request) => ({
  status: 200,
  headers: [],
  body: encodeUtf8(`got ${await readAll(request.body)}`),
});

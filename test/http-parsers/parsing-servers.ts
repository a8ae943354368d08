import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { HttpServer } from "../../src/node/http/http-server.ts";
import { httpLimits } from "../../src/node/http/limits.ts";
import { headersByName, type HttpHandler } from "../../src/platform/http.ts";
import type { GeneratedBytes } from "./generated-bytes.ts";

/** A request that a parser took, with all of its body. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** The headers; one that was sent several times is joined. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** The version of HTTP, which only node:http reports. */
  readonly version?: string;
}

/** A server that only reports what it was asked, on one connection at a time. */
export interface ParsingServer extends AsyncDisposable {
  /** The whole requests that these bytes are to its parser. */
  ask(bytes: GeneratedBytes): Promise<readonly SeenRequest[]>;
}

/** Sends the bytes of one connection, says that they are all, and waits for its end. */
async function sendAll(port: number, { text, cuts }: GeneratedBytes): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  socket.on("error", () => undefined).resume();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await new Promise((resolve) => socket.once("connect", resolve));
  const bytes = Buffer.from(text, "latin1");
  for (const [i, cut] of cuts.entries()) {
    socket.write(bytes.subarray(cuts[i - 1] ?? 0, cut));
    await new Promise(setImmediate);
  }
  socket.end(bytes.subarray(cuts.at(-1) ?? 0));
  await closed;
}

export async function serveByNode(): Promise<ParsingServer> {
  let seen: SeenRequest[] = [];
  const take = (message: IncomingMessage, response: ServerResponse): void => {
    let body = "";
    message.setEncoding("latin1").on("data", (piece: string) => (body += piece));
    message.on("error", () => undefined);
    message.on("end", () => {
      const raw = message.rawHeaders;
      const pairs = raw.flatMap((name, i) =>
        i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1]!] as const] : [],
      );
      const headers = [...headersByName(pairs)];
      const { method = "", url: target = "", httpVersion: version } = message;
      seen.push({ method, target, headers, body, version });
      response.setHeader("content-length", 0); // without it, HTTP/1.0 is not kept alive
      response.end();
    });
  };
  const server = createServer({
    maxHeaderSize: httpLimits.headerBytes,
    requireHostHeader: false,
    requestTimeout: 0,
  });
  (server as { httpAllowHalfOpen?: boolean }).httpAllowHalfOpen = true; // its types do not have it
  server.maxHeadersCount = 0;
  for (const event of ["request", "checkExpectation"]) server.on(event, take);
  server.on("checkContinue", (message, response) => {
    response.writeContinue(); // or it would close the connection after the answer
    take(message, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    async ask(bytes) {
      seen = [];
      await sendAll(port, bytes);
      return seen;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export async function serveByUs(): Promise<ParsingServer> {
  let seen: SeenRequest[] = [];
  const handler: HttpHandler = async (request) => {
    const { method, target, headers } = request.head;
    let body = "";
    for await (const piece of request.body) body += Buffer.from(piece).toString("latin1");
    seen.push({ method, target, headers: [...headers], body });
    return { status: 200, headers: [] };
  };
  const stopping = new AbortController();
  const where = { host: "127.0.0.1", port: 0, finishMs: () => 0 };
  const server = new HttpServer({ handler, log: () => undefined, ...where });
  const running = server.run(stopping.signal);
  const { port } = await server.listening;
  return {
    async ask(bytes) {
      seen = [];
      await sendAll(port, bytes);
      return seen;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}

// The processor time of a request over node:http and over our own HTTP server, under the same load
// in turn.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { whole } from "../flag-values.ts";

const kinds = ["node:http", "ours"] as const;
const methods = ["GET", "PUT"] as const;
const connections = 64;

/** A request's bytes as an SDK sends them. */
function requestBytes(method: string): Buffer {
  const body = method === "PUT" ? Buffer.alloc(4096, 7) : Buffer.alloc(0);
  const signed = "host;x-amz-content-sha256;x-amz-date";
  const credential = "AKIAIOSFODNN7EXAMPLE/20261128/us-east-1/s3/aws4_request";
  const head = [
    `${method} /bucket/objects/0000001234 HTTP/1.1`,
    "host: 127.0.0.1:9000",
    "user-agent: aws-sdk-js/3.1169.0 ua/2.1 os/linux lang/js md/nodejs#26.10.0 api/s3#3.1169.0",
    "accept-encoding: identity",
    "amz-sdk-invocation-id: 0f5b1c9e-7a54-4a5e-9a0a-2d3a4b5c6d7e",
    "amz-sdk-request: attempt=1; max=3",
    "x-amz-date: 20261128T120000Z",
    "x-amz-content-sha256: UNSIGNED-PAYLOAD",
    `authorization: AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed}, Signature=${"ab".repeat(32)}`,
    ...(method === "PUT" ? [`content-length: ${body.length}`] : []),
    "connection: keep-alive",
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
}

class Server {
  readonly #process: ChildProcess;
  readonly port: number;
  private constructor(child: ChildProcess, port: number) {
    this.#process = child;
    this.port = port;
  }
  static async start(kind: string): Promise<Server> {
    const child = fork(resolve(import.meta.dirname, "server-process.ts"), [kind]);
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    return new Server(child, port);
  }
  async cpuUs(): Promise<number> {
    const answer = once(this.#process, "message");
    this.#process.send("");
    return ((await answer) as [{ cpuUs: number }])[0].cpuUs;
  }
  stop(): void {
    this.#process.disconnect();
  }
}

/**
 * Each connection sends its next request when the last is answered; answers are all of one length.
 */
async function load(port: number, request: Buffer, seconds: number): Promise<number> {
  let answers = 0;
  const untilMs = performance.now() + seconds * 1000;
  const client = async (): Promise<void> => {
    const socket: Socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    await once(socket, "connect");
    let length = 0;
    let missing = 0;
    await new Promise<void>((done) => {
      socket.on("data", (data: Buffer) => {
        if (length === 0) {
          const text = data.toString("latin1");
          const end = text.indexOf("\r\n\r\n") + 4;
          length = missing = end + Number(/content-length: (\d+)/i.exec(text)?.[1]);
        }
        missing -= data.length;
        if (missing > 0) return;
        answers++;
        missing = length;
        if (performance.now() < untilMs) socket.write(request);
        else {
          socket.destroy();
          done();
        }
      });
      socket.write(request);
    });
  };
  await Promise.all(Array.from({ length: connections }, client));
  return answers;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1]!;

export const httpHelp = `npm run bench -- --only http [flags]: compares our HTTP server and
node:http, with a handler that does nothing
  --rounds N          of each method and server (5)
  --seconds N         of each round (3)`;

/** True if the flags ask for this measurement. */
export function isHttpRun(args: readonly string[]): boolean {
  return args.includes("--only=http") || args[args.indexOf("--only") + 1] === "http";
}

/** Throws an Error that says what is wrong with the flags. */
export async function runHttp(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "3" },
    },
  });
  const rounds = whole("rounds", values.rounds);
  const seconds = whole("seconds", values.seconds);
  const servers = await Promise.all(kinds.map((kind) => Server.start(kind)));
  for (const method of methods) {
    const request = requestBytes(method);
    const spent: number[][] = kinds.map(() => []);
    const rates: number[][] = kinds.map(() => []);
    for (let round = -1; round < rounds; round++) {
      for (const [i, server] of servers.entries()) {
        const before = await server.cpuUs();
        const answers = await load(server.port, request, seconds);
        if (round < 0) continue; // the warm-up
        spent[i]!.push(((await server.cpuUs()) - before) / answers);
        rates[i]!.push(answers / seconds);
      }
    }
    for (const [i, kind] of kinds.entries()) {
      console.log(
        `${method} ${kind}: ${median(spent[i]!).toFixed(1)} µs, ${median(rates[i]!).toFixed(0)}/s`,
      );
    }
  }
  for (const server of servers) server.stop();
}

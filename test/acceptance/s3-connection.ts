import { Agent, request, type IncomingHttpHeaders } from "node:http";
import { signedHeaders } from "../../src/node/client/signed-fetch.ts";
import { region, rootKey } from "./holdfast-server.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface SendOptions {
  readonly body?: Buffer | undefined;
  /** Names in lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[] | undefined;
}

/**
 * A small S3 client for tests that count every answer: no retries, and a broken connection is an
 * error.
 */
export class S3Connection {
  readonly #url: URL;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(endpoint: string) {
    this.#url = new URL(endpoint);
  }

  /** `target` is the path and query as sent. */
  send(method: string, target: string, options: SendOptions = {}): Promise<Answer> {
    const { body = Buffer.alloc(0), headers: more } = options;
    const identity = { ...rootKey, region };
    const signed = signedHeaders(this.#url.host, identity, { method, target, body, headers: more });
    const headers = { ...Object.fromEntries(signed), "content-length": body.length };
    return new Promise((done, fail) => {
      const { hostname, port } = this.#url;
      const outgoing = request(
        { hostname, port, method, path: target, agent: this.#agent, headers },
        (incoming) => {
          const pieces: Buffer[] = [];
          incoming.on("data", (piece: Buffer) => pieces.push(piece));
          incoming.on("error", fail);
          incoming.on("close", () => {
            if (!incoming.complete) fail(new Error("the answer was cut off"));
          });
          incoming.on("end", () => {
            const answer = { status: incoming.statusCode ?? 0, headers: incoming.headers };
            done({ ...answer, body: Buffer.concat(pieces) });
          });
        },
      );
      outgoing.on("error", fail);
      outgoing.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

import { connect, type Socket } from "node:net";
import { signedHeaders } from "../../../src/node/client/signed-fetch.ts";
import { region, rootKey } from "../holdfast-server.ts";
import type { SendOptions } from "../s3-connection.ts";

export interface RawAnswer {
  readonly status: number;
  /** The error code in its body, if that is an error, also one behind a status of success. */
  readonly errorCode: string | undefined;
  /** Head and body as received. */
  readonly text: string;
}

/**
 * A request on a connection of its own, held back by its last byte: the server has all but that,
 * and when it is let go nothing is left to do but to judge and commit.
 */
export class HeldRequest {
  readonly #socket: Socket;
  readonly #rest: Buffer;
  readonly #answer: Promise<RawAnswer>;

  private constructor(socket: Socket, rest: Buffer) {
    this.#socket = socket;
    this.#rest = rest;
    this.#answer = new Promise((done, fail) => {
      const pieces: Buffer[] = [];
      socket.on("data", (piece: Buffer) => pieces.push(piece));
      socket.on("error", fail);
      socket.on("close", () => done(parse(Buffer.concat(pieces).toString())));
    });
    this.#answer.catch(() => undefined); // the caller that lets it go gets it
  }

  /** Resolves once all but the last byte is on its way. */
  static async open(
    endpoint: string,
    method: string,
    target: string,
    { body = Buffer.alloc(0), headers = [] }: SendOptions = {},
  ): Promise<HeldRequest> {
    const { host, hostname, port } = new URL(endpoint);
    const identity = { ...rootKey, region };
    const signed = signedHeaders(host, identity, { method, target, body, headers });
    const lines = [...signed, ["content-length", String(body.length)], ["connection", "close"]];
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const bytes = Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${head}\r\n`), body]);
    const socket = connect(Number(port), hostname);
    const held = new HeldRequest(socket, bytes.subarray(-1));
    await new Promise<void>((sent, fail) => {
      socket.once("error", fail);
      socket.write(bytes.subarray(0, -1), () => sent());
    });
    return held;
  }

  finish(): Promise<RawAnswer> {
    this.#socket.write(this.#rest);
    return this.#answer;
  }
}

function parse(text: string): RawAnswer {
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
  return { status, errorCode: /<Code>([^<]*)</.exec(text)?.[1], text };
}

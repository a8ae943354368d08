import { assert } from "../../base/assert.ts";
import { concatBytes } from "../../base/bytes.ts";
import type { HttpRequest } from "../http.ts";

type AskedOf = Pick<HttpRequest, "method" | "target" | "headers">;

/** A request as a server would hand it to the protocol code; without a body unless one is given. */
export function httpRequest(asked: AskedOf & Partial<HttpRequest>): HttpRequest {
  const announced = asked.headers.find(([name]) => name === "content-length")?.[1];
  const isChunked = asked.headers.some(([name]) => name === "transfer-encoding");
  const body = asked.body ?? nothing();
  return {
    secure: false,
    remoteAddress: undefined,
    body,
    contentLength: announced === undefined && isChunked ? undefined : Number(announced ?? 0),
    readWhole: (bytesMax) => collect(body, bytesMax),
    signal: new AbortController().signal,
    ...asked,
  };
}

async function collect(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array> {
  const whole = concatBytes(await Array.fromAsync(body));
  assert(whole.length <= bytesMax, "a body of more bytes than its reader allows");
  return whole;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

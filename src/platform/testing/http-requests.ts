import { assert } from "../../base/assert.ts";
import { concatBytes } from "../../base/bytes.ts";
import { type HeaderList, headersByName, type HttpRequest, requestHead } from "../http.ts";

interface Asked extends Partial<HttpRequest> {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
}

/** A request as a server would hand it to the protocol code; without a body unless one is given. */
export function httpRequest({ method, target, headers, ...asked }: Asked): HttpRequest {
  const head = requestHead(method, target, headersByName(headers));
  const announced = head.headers.get("content-length");
  const isChunked = head.headers.has("transfer-encoding");
  const body = asked.body ?? nothing();
  return {
    head,
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

import { noBytes } from "../../../src/base/bytes.ts";
import { createLog } from "../../../src/node/platform/log.ts";
import { openStore } from "../../../src/node/store/open-store.ts";
import { createPlatform } from "../../../src/node/platform/platform.ts";
import { createSecretCipher } from "../../../src/node/platform/secret-cipher.ts";
import { openStoreDirectories } from "../../../src/node/store/store-directories.ts";
import {
  type HeaderList,
  headersByName,
  type HttpHandler,
  type HttpRequest,
  type RequestHead,
  requestHead,
} from "../../../src/platform/http.ts";
import { partsPerCommitMax } from "../../../src/rows/uploads.ts";
import { openFrontEnd } from "../../../src/server/front-end.ts";
import { rootCredentials } from "../../../src/server/root-credentials.ts";
import { runServices } from "../../../src/server/services.ts";
import { rootKey, region } from "../../../test/acceptance/holdfast-server.ts";

/** A request as it comes from the socket. */
export interface LocalRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | undefined;
}

export interface LocalAnswer {
  readonly status: number;
  /** Kept only where the answer is a value; a stream is read and counted. */
  readonly body: Uint8Array | undefined;
  readonly bodyBytes: number;
}

export interface LocalFrontEnd {
  send(request: LocalRequest): Promise<LocalAnswer>;
  close(): Promise<void>;
}

/**
 * A front end of this checkout over a new store in `folder`: the real index and the real files, in
 * this process, without a socket. It is the one file here that knows how a front end is composed: a
 * change to that is a change to this file, too.
 */
export async function openLocalFrontEnd(folder: string): Promise<LocalFrontEnd> {
  const platform = createPlatform({ log: createLog({ level: "warn" }) });
  const directories = await openStoreDirectories({ platform, paths: [folder], mayCreate: true });
  const opened = await openStore(platform, directories, () => undefined);
  const stop = new AbortController();
  const frontEnd = await openFrontEnd({
    machine: opened.machine,
    rootKey: rootCredentials(rootKey, directories.store, platform.hash),
    secretCipher: createSecretCipher(new Uint8Array(32), platform.random),
    region,
    domains: [],
    acceptsV2: false,
    limits: {},
    partsPerCommit: partsPerCommitMax,
    requestsPerKey: Number.POSITIVE_INFINITY,
    name: "bench",
    requestLog: { which: "off", write: () => undefined },
    askOthers: () => Promise.resolve([]),
    stopping: stop.signal,
  });
  const running = runServices(frontEnd.services, stop.signal);
  return {
    send: (request) => send(frontEnd.handler, request),
    close: async () => {
      stop.abort();
      await running;
      await frontEnd.close();
      await opened.close();
      directories[Symbol.dispose]();
    },
  };
}

async function send(handler: HttpHandler, request: LocalRequest): Promise<LocalAnswer> {
  const answer = await handler(new WholeRequest(request));
  const { status, body } = answer;
  if (body === undefined) return { status, body, bodyBytes: 0 };
  if (body instanceof Uint8Array) return { status, body, bodyBytes: body.length };
  let bodyBytes = 0;
  for await (const piece of body) bodyBytes += piece.length;
  return { status, body: undefined, bodyBytes };
}

/**
 * Its body is one piece, as that of a small request is; no signal is made unless somebody asks for
 * one.
 */
class WholeRequest implements HttpRequest, AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly head: RequestHead;
  readonly secure = false;
  readonly remoteAddress = "127.0.0.1";
  #left: Uint8Array | undefined;
  #abort: AbortController | undefined;

  constructor({ method, target, headers, body }: LocalRequest) {
    this.head = requestHead(method, target, headersByName(headers));
    this.#left = body;
  }

  get body(): AsyncIterable<Uint8Array> {
    return this;
  }

  get contentLength(): number {
    return this.#left?.length ?? 0;
  }

  readWhole(): Uint8Array {
    const whole = this.#left ?? noBytes;
    this.#left = undefined;
    return whole;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const value = this.#left;
    this.#left = undefined;
    return Promise.resolve(value === undefined ? { done: true, value } : { done: false, value });
  }
}

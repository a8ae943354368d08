import { wireBytes } from "../auth/canonical-request.ts";
import { decodeUtf8, encodeUtf8, toHex } from "../base/bytes.ts";
import type { HttpRequest, HttpResponse } from "../platform/http.ts";
import { parseFilter, type RequestFilter, type RequestEntry } from "./request-entry.ts";
import { answerRoot, refusePage, type RootOnlyOptions } from "./root-only.ts";

/*
 * Requests as they end, under /-/trace; signed by the root's key. The answer is lines of JSON, each
 * a RequestEntry, or {"lost": n} where requests ended faster than lines were taken; it goes on
 * until the client leaves or the server stops. An empty line comes first and when nothing else
 * does. `?under-way` answers with what is under way now, and ends. Filters stand in the query:
 * operation, bucket, prefix, status, slower-than, errors, access-key.
 */

export const tracePath = "/-/trace";

export interface TracePageOptions extends RootOnlyOptions {
  readonly source: TraceSource;
  /** Aborts when the server must stop: no trace outlives it. */
  readonly stopping: AbortSignal;
}

/** @limit Time between fetches from the processes: a request that ends is reported this late. */
const fetchMs = 200;
/** @limit A line at least this often, so that nobody between takes the silence for an end. */
const silenceMsMax = 15_000;

export function answerTrace(
  options: TracePageOptions,
  request: HttpRequest,
): Promise<HttpResponse> {
  return answerRoot(options, request, async () => {
    const { method, query } = request.head;
    if (method !== "GET") return refusePage("methodNotAllowed", "this path takes GET only");
    const given = new Map(query.map(({ name, value }) => [name, decodeUtf8(wireBytes(value))]));
    const filter = parseFilter(given);
    if (given.has("under-way")) {
      const entries = await options.source.underWay(filter);
      return lines(encodeUtf8(entries.map((entry) => `${JSON.stringify(entry)}\n`).join("")));
    }
    const id = toHex(options.platform.random.bytes(8));
    const first = await options.source.fetch(id, filter);
    if (first === undefined)
      return refusePage("busy", "there are too many traces: end one of them");
    return lines(follow(options, request, { id, filter }));
  });
}

function lines(body: Required<HttpResponse>["body"]): HttpResponse {
  const headers = [
    ["content-type", "application/x-ndjson"],
    ["cache-control", "no-store"],
  ] as const;
  return { status: 200, headers, body };
}

/**
 * Nothing is fetched while the client does not take what was: it is the processes that then count
 * what is lost.
 */
async function* follow(
  { platform, source, stopping }: TracePageOptions,
  request: HttpRequest,
  { id, filter }: { readonly id: string; readonly filter: RequestFilter },
): AsyncGenerator<Uint8Array, void> {
  const { clock } = platform;
  const ending = AbortSignal.any([stopping, request.signal]);
  try {
    let silentMs = silenceMsMax;
    while (!ending.aborted) {
      const batches = (await source.fetch(id, filter)) ?? [];
      const text = batches.map(textOf).join("");
      silentMs += fetchMs;
      if (text !== "" || silentMs >= silenceMsMax) {
        silentMs = 0;
        yield encodeUtf8(text === "" ? "\n" : text);
      }
      await clock.sleep(fetchMs, ending);
    }
  } finally {
    await source.end(id);
  }
}

function textOf({ entries, lost }: TraceBatch): string {
  const texts = entries.map((entry) => `${JSON.stringify(entry)}\n`);
  if (lost > 0) texts.push(`${JSON.stringify({ lost })}\n`);
  return texts.join("");
}

/**
 * Requests that ended since a trace was last fetched from, and how many more were dropped.
 */
export interface TraceBatch {
  readonly entries: readonly RequestEntry[];
  readonly lost: number;
}

/** Where traces come from: all front-end processes of the tree that answer in time. */
export interface TraceSource {
  /**
   * The first time begins the trace. A batch of each process; undefined where there are too many
   * traces.
   */
  fetch(id: string, filter: RequestFilter): Promise<readonly TraceBatch[] | undefined>;
  end(id: string): Promise<void>;
  /** Requests that have not ended and that the filter takes. */
  underWay(filter: RequestFilter): Promise<readonly RequestEntry[]>;
}

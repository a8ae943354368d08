import {
  agentCharactersMax,
  escaped,
  keyCharactersMax,
  matches,
  nameCharactersMax,
  type RequestEntry,
} from "../admin/request-entry.ts";
import type { TraceSource } from "../admin/trace-page.ts";
import { decodeUtf8 } from "../base/bytes.ts";
import { phaseNames } from "../object/request-phases.ts";
import type { Clock } from "../platform/platform.ts";
import type { ObservedRequest, RequestObserver } from "../s3/observed-request.ts";
import { noOperation, type RequestMetrics } from "./request-metrics.ts";
import { Traces } from "./traces.ts";
import type { AskOthers, TreeAnswer, TreeQuestion } from "./tree-questions.ts";

/** Takes a line for each request of one kind. */
export interface RequestLog {
  readonly which: "off" | "errors" | "all";
  /** Writes without waiting: an entry that does not fit is dropped and counted. */
  write(entry: RequestEntry): void;
}

export interface RequestWatchOptions {
  readonly clock: Clock;
  /** Name of this process. */
  readonly process: string;
  readonly requests: RequestMetrics;
  readonly log: RequestLog;
}

/** Hears of every request, and counts, logs and traces it. */
export class RequestWatch implements RequestObserver {
  readonly #options: RequestWatchOptions;
  readonly #traces: Traces;
  /** Time with requests under way, up to when there were none; and since when there are some. */
  #busyMs = 0;
  #busySinceMs: number | undefined;

  constructor(options: RequestWatchOptions) {
    this.#options = options;
    this.#traces = new Traces(options.clock);
  }

  began(request: ObservedRequest): void {
    const { clock, requests } = this.#options;
    this.#busySinceMs ??= clock.monotonicMs();
    requests.began(request);
  }

  ended(request: ObservedRequest): void {
    const { requests, log } = this.#options;
    requests.ended(request);
    if (requests.underWay.size === 0) {
      this.#busyMs = this.#busyMsNow();
      this.#busySinceMs = undefined;
    }
    const isLogged = log.which === "all" || (log.which === "errors" && isError(request));
    if (!isLogged && !this.#traces.isTracing) return;
    const entry = entryOf(request, this.#options);
    if (isLogged) log.write(entry);
    this.#traces.ended(entry);
  }

  /** Answers a question of another process about the requests of this one. */
  answer(question: TreeQuestion): TreeAnswer {
    switch (question.kind) {
      case "trace":
        return this.#traces.fetch(question.id, question.filter) ?? {};
      case "end_trace":
        this.#traces.end(question.id);
        return {};
      case "under_way": {
        const entries = Array.from(this.#options.requests.underWay, (request) =>
          entryOf(request, this.#options),
        );
        return { entries: entries.filter((entry) => matches(question.filter, entry)) };
      }
      case "load":
        return { busyMs: this.#busyMsNow() };
      case "metrics":
      case "disks":
      case "work":
      case "unreadable":
        return {};
    }
  }

  /** Time with requests under way since the process began. */
  #busyMsNow(): number {
    const sinceMs = this.#busySinceMs;
    const nowMs = this.#options.clock.monotonicMs();
    return this.#busyMs + (sinceMs === undefined ? 0 : nowMs - sinceMs);
  }
}

/** The requests of the whole tree, as seen from one process of it. */
export function traceSource(watch: RequestWatch, askOthers: AskOthers): TraceSource {
  const askAll = async (question: TreeQuestion): Promise<readonly TreeAnswer[]> => [
    watch.answer(question),
    ...(await askOthers(question)).map(({ answer }) => answer),
  ];
  return {
    async fetch(id, filter) {
      const answers = await askAll({ kind: "trace", id, filter });
      if (answers[0]?.entries === undefined) return undefined; // ours
      return answers.map(({ entries = [], lost = 0 }) => ({ entries, lost }));
    },
    async end(id) {
      await askAll({ kind: "end_trace", id });
    },
    async underWay(filter) {
      const answers = await askAll({ kind: "under_way", filter });
      return answers.flatMap(({ entries = [] }) => entries);
    },
  };
}

function isError({ code, status }: ObservedRequest): boolean {
  return code !== undefined || (status ?? 0) >= 400;
}

/**
 * The entry of a request; for one under way, as of now. It takes 1.5 µs, so it is made only where
 * it is wanted.
 */
export function entryOf(
  request: ObservedRequest,
  { clock, process }: { readonly clock: Clock; readonly process: string },
): RequestEntry {
  const { phases, target, sender } = request;
  const isUnderWay = request.status === undefined;
  const totalMs = isUnderWay ? phases.elapsedMs() : phases.changedMs;
  const { bucket = "", key, query } = target ?? {};
  return {
    time: new Date(clock.now() - phases.elapsedMs()).toISOString(),
    requestId: request.requestId,
    process,
    operation: request.operation ?? noOperation,
    method: escaped(request.request.head.method, nameCharactersMax),
    bucket: bucket === "" ? undefined : escaped(bucket, nameCharactersMax),
    key:
      key === undefined || key.length === 0
        ? undefined
        : escaped(decodeUtf8(key), keyCharactersMax),
    versionId: optional(query?.get("versionId"), nameCharactersMax),
    status: request.status,
    code: request.code,
    bytesIn: request.bytesIn,
    bytesOut: request.bytesOut,
    totalMs: rounded(totalMs),
    firstByteMs: request.firstByteMs === undefined ? undefined : rounded(request.firstByteMs),
    phasesMs: phasesOf(request, totalMs),
    phase: isUnderWay ? phases.current : undefined,
    accessKey: sender?.accessKeyId ?? request.refusedKey,
    owner: optional(sender?.principal.name, nameCharactersMax),
    address: request.request.remoteAddress,
    userAgent: optional(userAgentOf(request), agentCharactersMax),
  };
}

function userAgentOf({ request }: ObservedRequest): string | undefined {
  return request.head.headers.get("user-agent");
}

function optional(text: string | undefined, charactersMax: number): string | undefined {
  return text === undefined ? undefined : escaped(text, charactersMax);
}

function phasesOf({ phases }: ObservedRequest, totalMs: number): Record<string, number> {
  const spentMs = phases.spentMs();
  const shown: Record<string, number> = {};
  for (const name of phaseNames) {
    const sinceMs = name === phases.current ? totalMs - phases.changedMs : 0;
    const ms = rounded(spentMs[name] + sinceMs);
    if (ms > 0) shown[name] = ms;
  }
  return shown;
}

/** Rounds to microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

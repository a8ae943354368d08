import {
  agentCharactersMax,
  escaped,
  keyCharactersMax,
  nameCharactersMax,
  type RequestRecord,
} from "../admin/request-record.ts";
import { decodeUtf8 } from "../base/bytes.ts";
import { phaseNames } from "../object/request-phases.ts";
import type { Clock } from "../platform/platform.ts";
import type { ObservedRequest } from "../s3/observed-request.ts";
import { noOperation } from "./request-metrics.ts";

/** What is told of a request, of one under way as of now. 1.5 µs: made only where somebody wants it. */
export function recordOf(
  request: ObservedRequest,
  { clock, process }: { readonly clock: Clock; readonly process: string },
): RequestRecord {
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

/** To microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** When a request says it was sent, which its signature covers. */
import { parseHttpDate } from "../base/http-date.ts";
import type { Headers } from "../platform/request-head.ts";
import type { AuthFailure } from "./auth-failure.ts";
import { formatTimestamp } from "./timestamp.ts";

/** @limit S3's tolerance between the request's time and ours. */
export const skewMsMax = 15 * 60 * 1000;

export interface RequestTime {
  /** As sent. */
  readonly text: string;
  /** As Signature V4 writes it. */
  readonly timestamp: string;
  readonly ms: number;
}

/** `x-amz-date`, or `date` where that is absent. What lies before 1970 is no time of a request. */
export function requestTimeOf(
  headers: Headers,
  parse: (text: string) => number | undefined,
): RequestTime | AuthFailure {
  const text = headers.get("x-amz-date") ?? headers.get("date") ?? "";
  const stampedMs = parse(text);
  const ms = stampedMs ?? parseHttpDate(text) ?? -1;
  if (ms < 0) return noDate;
  return { text, timestamp: stampedMs === undefined ? formatTimestamp(ms) : text, ms };
}

export function skewOf({ text, ms }: RequestTime, serverTimeMs: number): AuthFailure | undefined {
  if (Math.abs(serverTimeMs - ms) <= skewMsMax) return undefined;
  return { kind: "refused", code: "time_skewed", requestTime: text, serverTimeMs, skewMsMax };
}

const noDate: AuthFailure = {
  kind: "refused",
  code: "date_missing",
  message: "AWS authentication requires a valid Date or x-amz-date header",
};

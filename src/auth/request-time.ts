import { parseHttpDate } from "../base/http-date.ts";
import type { Headers } from "../platform/http.ts";
import type { AuthRefusal } from "./auth-refusal.ts";

/** The time at which a request says it was sent; its signature covers it. */

/** @limit S3's tolerance between the request's time and ours. */
export const skewMsMax = 15 * 60 * 1000;

export interface RequestTime {
  /** The time as the client sent it. */
  readonly text: string;
  /** The same time in the form of Signature V4. */
  readonly timestamp: string;
  readonly ms: number;
}

/** `x-amz-date`, or `date` where that is absent. What lies before 1970 is no time of a request. */
export function requestTimeOf(
  headers: Headers,
  parse: (text: string) => number | undefined,
): RequestTime | AuthRefusal {
  const text = headers.get("x-amz-date") ?? headers.get("date") ?? "";
  const stampedMs = parse(text);
  const ms = stampedMs ?? parseHttpDate(text) ?? -1;
  if (ms < 0) return noDate;
  return { text, timestamp: stampedMs === undefined ? formatTimestamp(ms) : text, ms };
}

export function skewOf({ text, ms }: RequestTime, serverTimeMs: number): AuthRefusal | undefined {
  if (Math.abs(serverTimeMs - ms) <= skewMsMax) return undefined;
  return { refusal: "time_skewed", requestTime: text, serverTimeMs, skewMsMax };
}

const noDate: AuthRefusal = {
  refusal: "date_missing",
  message: "AWS authentication requires a valid Date or x-amz-date header",
};

/** Times as Signature V4 writes them: 20130524T000000Z, always UTC. */

export function formatTimestamp(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

/** A parseTimestamp for the time of day, which is the same for all that is sent in a second. */
export function createTimestamps(): (text: string) => number | undefined {
  let lastText = "";
  let lastMs: number | undefined;
  return (text) => {
    if (text !== lastText) [lastText, lastMs] = [text, parseTimestamp(text)];
    return lastMs;
  };
}

/** Milliseconds since 1970, or undefined where the text is no such time. */
export function parseTimestamp(text: string): number | undefined {
  if (!/^\d{8}T\d{6}Z$/.test(text)) return undefined;
  const number = (start: number, end: number): number => Number(text.slice(start, end));
  const [hour, minute, second] = [number(9, 11), number(11, 13), number(13, 15)];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const [month, day] = [number(4, 6), number(6, 8)];
  const timeMs = Date.UTC(number(0, 4), month - 1, day, hour, minute, second);
  // The 31st of April would have become the 1st of May.
  const date = new Date(timeMs);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? timeMs : undefined;
}

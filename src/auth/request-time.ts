/** When a request says it was sent, which its signature covers. */
import { parseHttpDate } from "../base/http-date.ts";
import type { HeaderList } from "../platform/http.ts";
import type { AuthFailure } from "./auth-failure.ts";
import { headerValue } from "./canonical-request.ts";
import { parseTimestamp } from "./timestamp.ts";

/** S3's tolerance between the request's time and ours. */
export const skewMsMax = 15 * 60 * 1000;

export interface RequestTime {
  /** As sent. */
  readonly text: string;
  readonly ms: number;
}

/** `x-amz-date`, or `date` where that is absent. What lies before 1970 is no time of a request. */
export function requestTimeOf(headers: HeaderList): RequestTime | AuthFailure {
  const text = headerValue(headers, "x-amz-date") ?? headerValue(headers, "date") ?? "";
  const ms = parseTimestamp(text) ?? parseHttpDate(text) ?? -1;
  return ms >= 0 ? { text, ms } : noDate;
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

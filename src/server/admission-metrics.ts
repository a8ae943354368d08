import type { Metrics } from "../admin/metrics.ts";
import type { AnswerBudget } from "../object/read/answer-budget.ts";
import type { BodyBudget } from "../object/write/body-budget.ts";
import type { RequestsPerKey } from "../s3/request/requests-per-key.ts";
import type { RequestMetrics } from "./request-metrics.ts";

export interface Admission {
  readonly requests: RequestMetrics;
  readonly perKey: RequestsPerKey;
  readonly bodies: BodyBudget;
  readonly answers: AnswerBudget;
}

/** What holds requests back, and how much of it is in use. */
export function sampleAdmission(metrics: Metrics, admission: Admission): void {
  const { requests, perKey, bodies, answers } = admission;
  metrics.sampled(
    "counter",
    "holdfast_slow_downs_total",
    "SlowDown answered to requests that were looked at: the access key has too many under way, no memory for an " +
      "upload, or other (queues of disks and index, a key that everybody writes).",
    () => {
      const other = requests.slowDowns - perKey.refused - bodies.refused;
      return [
        [["requests_per_key"], perKey.refused],
        [["upload_memory"], bodies.refused],
        [["other"], Math.max(0, other)],
      ];
    },
    ["reason"],
  );
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.sampled("gauge", `holdfast_${name}`, help, read);
  gauge("upload_memory_bytes", "Memory granted to uploads under way.", () => bodies.used);
  gauge("upload_memory_waiting", "Uploads that wait for memory.", () => bodies.waiting);
  gauge("answer_memory_bytes", "Memory granted to answers under way.", () => answers.used);
  gauge("access_keys_active", "Access keys with requests under way.", () => perKey.keys);
}

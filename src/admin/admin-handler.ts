import { encodeUtf8 } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import type { HttpHandler, HttpResponse } from "../platform/http.ts";
import type { Log } from "../platform/platform.ts";
import {
  type AccessKeyPagesOptions,
  accessKeysPath,
  answerAccessKeys,
} from "./access-key-pages.ts";
import { answerSchemes, type SchemePagesOptions, schemesPath } from "./scheme-pages.ts";
import { answerDisks, type DiskPagesOptions, disksPath } from "./disk-pages.ts";
import { answerTrace, type TracePageOptions, tracePath } from "./trace-page.ts";
import { answerWork, isWorkPath, type WorkPagesOptions } from "./work-pages.ts";
import { welcomePage } from "./welcome-page.ts";
import { prometheusContentType, prometheusText, type ProcessMetrics } from "./metrics.ts";

/*
 * The pages under /-/ (no bucket's name begins so): health, metrics and, signed by root, access
 * keys, disks, storage schemes, repair, scrub and traces. Health and metrics need no signature,
 * because what probes and scrapes a server seldom has one; they show no names of buckets or keys
 * and no secret, only data directories, states and sums. An operator who must hide even those puts
 * a proxy before /-/.
 *
 * live: this process answers; restarting it would not help anybody. ready: requests would be served
 * here now; while it says no, a balancer sends them elsewhere. Where data directories take no
 * writes (full, read-only, gone) it stays ready: all else goes on, reading and above all deleting,
 * which frees space, and every process of the machine has the same disks. The answer then says
 * "ready, but:" and names each directory and its state, as do the metrics (holdfast_disk_state) and
 * `holdfast status`; alarms belong on those. So it does where extent files are missing or damaged
 * (holdfast_extents_lost): what is written now is kept, and no balancer could give back what is
 * lost.
 */

export interface AdminOptions {
  readonly accessKeys: AccessKeyPagesOptions;
  readonly disks: DiskPagesOptions;
  readonly trace: TracePageOptions;
  readonly work: WorkPagesOptions;
  readonly schemes: SchemePagesOptions;
  readonly log: Log;
  /**
   * Resolves where requests can be served, with warnings, if any; rejects with the reason where
   * they cannot.
   */
  readonly ready: () => Promise<readonly string[]>;
  /** The figures of every process of the tree that answers. */
  readonly metrics: () => Promise<readonly ProcessMetrics[]>;
}

export const adminPrefix = "/-/";

export function createAdminHandler(options: AdminOptions): HttpHandler {
  const pages: Readonly<Record<string, () => Promise<HttpResponse>>> = {
    "/-/health/live": () => Promise.resolve(text(200, "live\n")),
    "/-/health/ready": () => readiness(options),
    "/-/metrics": async () =>
      text(200, prometheusText(await options.metrics()), prometheusContentType),
  };
  return async (request) => {
    const { path, method } = request.head;
    if (path === accessKeysPath || path.startsWith(`${accessKeysPath}/`)) {
      return answerAccessKeys(options.accessKeys, request);
    }
    if (path === schemesPath || path.startsWith(`${schemesPath}/`)) {
      return answerSchemes(options.schemes, request);
    }
    if (path === disksPath || path.startsWith(`${disksPath}/`)) {
      return answerDisks(options.disks, request);
    }
    if (isWorkPath(path)) return answerWork(options.work, request);
    if (path === tracePath) return answerTrace(options.trace, request);
    if (path === adminPrefix || path === "/") return welcomePage(request.head);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined) return text(404, `nothing at ${path}\n`);
    if (method !== "GET" && method !== "HEAD") {
      const answer = text(405, "this path takes GET and HEAD only\n");
      return { ...answer, headers: [...answer.headers, ["allow", "GET, HEAD"]] };
    }
    return page();
  };
}

async function readiness({ ready, log }: AdminOptions): Promise<HttpResponse> {
  try {
    const warnings = await ready();
    return text(200, warnings.length === 0 ? "ready\n" : `ready, but: ${warnings.join("; ")}\n`);
  } catch (error) {
    log("warn", "not_ready", { message: messageOf(error) });
    return text(503, "not ready; the server's log says why\n");
  }
}

function text(status: number, body: string, type = "text/plain; charset=utf-8"): HttpResponse {
  const headers = [
    ["content-type", type],
    ["cache-control", "no-store"],
  ] as const;
  return { status, headers, body: encodeUtf8(body) };
}

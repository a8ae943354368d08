import assert from "node:assert/strict";
import { test } from "node:test";
import { signRequest } from "../auth/sign.ts";
import { createRequestVerifier } from "../auth/verify-request.ts";
import { decodeUtf8, toHex } from "../base/bytes.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import type { HttpResponse } from "../platform/http.ts";
import type { RequestFilter } from "./request-entry.ts";
import { answerTrace } from "./trace-page.ts";
import { httpRequest } from "../platform/testing/http-requests.ts";

const hash = createHash();
const platform = createTestPlatform(hash);
const region = "us-east-1";
const principal = { owner: "o", account: "a", name: "root", root: true };
const key = { accessKeyId: "ROOT", secretAccessKey: "secret" };
const keys = { find: () => ({ ...key, principal }) };
const verifier = createRequestVerifier({
  ...platform,
  region,
  domains: [],
  acceptsV2: false,
});

function create() {
  const fetched: RequestFilter[] = [];
  const ended: string[] = [];
  let isFull = false;
  let lost = 0;
  const stop = new AbortController();
  const ask = (target: string): Promise<HttpResponse> => {
    const source = {
      fetch: (_: string, filter: RequestFilter) => {
        fetched.push(filter);
        return Promise.resolve(isFull ? undefined : [{ entries: [], lost }]);
      },
      end: (id: string) => Promise.resolve(void ended.push(id)),
      underWay: () => Promise.resolve([]),
    };
    const contentSha256 = toHex(hash.digest("sha256", new Uint8Array()));
    const unsigned = { method: "GET", target, headers: [["host", "h"]] as const };
    const options = { timeMs: platform.clock.now(), contentSha256 };
    const { headers } = signRequest(hash, { ...key, region }, unsigned, options);
    const request = httpRequest({ ...unsigned, headers });
    const pages = { platform, verifier, keys, source, stopping: stop.signal };
    return answerTrace(pages, request);
  };
  return {
    ask,
    stop,
    fetched,
    ended,
    fill: () => void (isFull = true),
    lose: (count: number) => void (lost = count),
  };
}

test("trace: begins with an empty line, says what was lost, and ends with the server", async () => {
  const trace = create();
  const { status, body } = await trace.ask("/-/trace?errors&prefix=k%C3%A4se&slower-than=2s");
  assert.equal(status, 200);
  assert.ok(body !== undefined && !(body instanceof Uint8Array));
  const lines = body[Symbol.asyncIterator]();
  assert.equal(decodeUtf8((await lines.next()).value), "\n");
  trace.lose(3);
  assert.equal(decodeUtf8((await lines.next()).value), '{"lost":3}\n');
  const { errors, prefix, slowerThanMs } = trace.fetched[0]!;
  assert.deepEqual([errors, prefix, slowerThanMs], [true, "käse", 2000]);
  trace.stop.abort();
  assert.equal((await lines.next()).done, true);
  assert.equal(trace.ended.length, 1);
});

test("C6: trace: nothing more is fetched while the client does not read", async () => {
  const trace = create();
  const { body } = await trace.ask("/-/trace");
  assert.ok(body !== undefined && !(body instanceof Uint8Array));
  const lines = body[Symbol.asyncIterator]();
  await lines.next();
  const before = trace.fetched.length;
  for (let i = 0; i < 100; i++) await Promise.resolve();
  assert.equal(trace.fetched.length, before);
  await lines.return?.();
  assert.equal(trace.ended.length, 1);
});

test("trace: an invalid filter is 400, one trace too many 503", async () => {
  const trace = create();
  assert.equal((await trace.ask("/-/trace?status=9xx")).status, 400);
  trace.fill();
  assert.equal((await trace.ask("/-/trace")).status, 503);
});

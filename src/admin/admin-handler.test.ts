import assert from "node:assert/strict";
import { test } from "node:test";
import { headOf } from "../auth/sign.ts";
import { createRequestVerifier } from "../auth/verify-request.ts";
import { decodeUtf8 } from "../base/bytes.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { createSecretCipher } from "../node/platform/secret-cipher.ts";
import type { HeaderList } from "../platform/http.ts";
import { openAccessKeys } from "../server/testing/open-access-keys.ts";
import { createAdminHandler } from "./admin-handler.ts";
import { isFromBrowser } from "./welcome-page.ts";
import { httpRequest } from "../platform/testing/http-requests.ts";

const noTraces = {
  fetch: () => Promise.resolve([]),
  end: () => Promise.resolve(),
  underWay: () => Promise.resolve([]),
};

const refused = () => Promise.resolve({ refusal: "busy", message: "" } as const);
const noWork = { repair: refused, scrub: refused, unreadable: refused, order: refused };

const noSchemes = {
  report: () => Promise.resolve({ disks: {}, schemes: [], classes: [], buckets: [] }),
  choose: () => Promise.resolve({ refusal: "invalid", message: "" } as const),
};

const platform = createTestPlatform(createHash());
const cipher = createSecretCipher(new Uint8Array(32), platform.random);
const { keys } = await openAccessKeys(platform, createMemoryEngine(), cipher);
const region = "us-east-1";
const verifier = createRequestVerifier({
  ...platform,
  region,
  domains: [],
  acceptsV2: false,
});

async function ask(
  target: string,
  method = "GET",
  ready = Promise.resolve<readonly string[]>([]),
  headers: HeaderList = [],
) {
  const handler = createAdminHandler({
    accessKeys: { platform, keys, verifier },
    schemes: { platform, keys, verifier, schemes: noSchemes },
    disks: { platform, keys, verifier, disks: undefined },
    work: { platform, keys, verifier, work: noWork },
    trace: { platform, verifier, keys, source: noTraces, stopping: new AbortController().signal },
    log: () => undefined,
    ready: () => ready,
    metrics: () => Promise.resolve([]),
  });
  const request = httpRequest({ method, target, headers });
  const { status, body, headers: answered } = await handler(request);
  return {
    status,
    headers: answered,
    text: body instanceof Uint8Array ? decodeUtf8(body) : undefined,
  };
}

test("admin: live and ready answer, whatever the query", async () => {
  assert.equal((await ask("/-/health/live?x=1")).status, 200);
  assert.equal((await ask("/-/health/ready")).text, "ready\n");
  assert.equal((await ask("/-/metrics", "HEAD")).status, 200);
});

test("admin: not ready is 503, and does not say why", async () => {
  const { status, text } = await ask("/-/health/ready", "GET", Promise.reject(new Error("secret")));
  assert.equal(status, 503);
  assert.doesNotMatch(text ?? "", /secret/);
});

test("C8: ready says which data directories take no writes, and stays ready", async () => {
  const warnings = Promise.resolve(["/a takes no writes (full)", "/b takes no writes (io)"]);
  const { status, text } = await ask("/-/health/ready", "GET", warnings);
  assert.equal(status, 200);
  assert.equal(text, "ready, but: /a takes no writes (full); /b takes no writes (io)\n");
});

test("admin: other paths are 404, other methods 405 with Allow", async () => {
  assert.equal((await ask("/-/constructor")).status, 404);
  assert.equal((await ask("/-/health")).status, 404);
  assert.equal((await ask("/-/keysx")).status, 404);
  const { status, headers } = await ask("/-/health/live", "POST");
  assert.equal(status, 405);
  assert.deepEqual(headers.at(-1), ["allow", "GET, HEAD"]);
});

test("admin: /-/ says what this is and where to go, in HTML where that is asked for", async () => {
  const plain = await ask("/-/");
  assert.equal(plain.status, 200);
  assert.match(plain.text ?? "", /Holdfast[^]*holdfast env[^]*\/-\/health\/ready/);
  const accept: HeaderList = [["accept", "text/html,*/*;q=0.8"]];
  const html = await ask("/-/", "GET", undefined, accept);
  assert.match(html.text ?? "", /^<!doctype html>[^]*href="\/-\/metrics"/);
  assert.deepEqual(html.headers[0], ["content-type", "text/html; charset=utf-8"]);
});

test("admin: a browser at the root is one that signs nothing and asks for HTML", () => {
  const accept: HeaderList[number] = ["accept", "text/html"];
  const at = (target: string, headers: HeaderList, method = "GET") =>
    isFromBrowser(headOf({ method, target, headers }));
  assert.ok(at("/", [accept]));
  assert.ok(!at("/", []));
  assert.ok(!at("/", [accept, ["authorization", "AWS4-HMAC-SHA256 …"]]));
  assert.ok(!at("/?X-Amz-Signature=1", [accept]));
  assert.ok(!at("/bucket", [accept]));
  assert.ok(!at("/", [accept], "POST"));
});

test("admin: traces are refused to requests that are not signed", async () => {
  assert.equal((await ask("/-/trace")).status, 403);
  assert.equal((await ask("/-/trace?under-way")).status, 403);
});

test("admin: access keys are refused to requests that are not signed", async () => {
  assert.equal((await ask("/-/keys")).status, 403);
  assert.equal((await ask("/-/keys/ROOT?x", "DELETE")).status, 403);
});

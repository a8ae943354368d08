import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessKey, AccessKeys } from "../auth/access-key.ts";
import { presignRequest, signRequest } from "../auth/sign.ts";
import { createRequestVerifier } from "../auth/verify-request.ts";
import { decodeUtf8, encodeUtf8, noBytes, toHex } from "../base/bytes.ts";
import { createMemoryEngine } from "../engine/memory-engine.ts";
import { createTestPlatform } from "../keymap/testing/test-platform.ts";
import { createHash } from "../node/platform/hash.ts";
import { createRandom } from "../node/platform/random.ts";
import { createSecretCipher } from "../node/platform/secret-cipher.ts";
import { openAccessKeys, testKey } from "../server/testing/open-access-keys.ts";
import { answerAccessKeys } from "./access-key-pages.ts";
import { httpRequest } from "../platform/testing/http-requests.ts";

const hash = createHash();
const platform = { ...createTestPlatform(hash), random: createRandom() };
const region = "us-east-1";

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly value?: unknown;
  /** The body, where it is not the value's JSON. */
  readonly text?: string;
  readonly as?: AccessKey | "nobody" | "presigned";
  readonly contentSha256?: string;
}

interface Answered {
  readonly status: number;
  readonly value: Record<string, unknown>;
}

async function openPages() {
  const cipher = createSecretCipher(new Uint8Array(32), platform.random);
  const { keys } = await openAccessKeys(platform, createMemoryEngine(), cipher);
  const verifier = createRequestVerifier({
    ...platform,
    region,
    domains: [],
    acceptsV2: false,
  });
  const ask = async (asked: Asked): Promise<Answered> => {
    const { method, value, as = testKey("ROOT"), text = JSON.stringify(value) } = asked;
    const body = text === undefined ? noBytes : encodeUtf8(text);
    const request = { method, target: asked.target, headers: [["host", "h"]] as const };
    const { contentSha256 = toHex(hash.digest("sha256", body)) } = asked;
    const timeMs = platform.clock.now();
    const signed =
      as === "nobody"
        ? request
        : as === "presigned"
          ? { ...request, target: presigned(request, timeMs) }
          : {
              ...request,
              ...signRequest(hash, { ...as, region }, request, { timeMs, contentSha256 }),
            };
    const answer = await answerAccessKeys(
      { platform, keys, verifier },
      httpRequest({ ...signed, body: pieces(body) }),
    );
    const answered = answer.body instanceof Uint8Array ? decodeUtf8(answer.body) : "{}";
    return { status: answer.status, value: JSON.parse(answered) as Record<string, unknown> };
  };
  return { keys, ask };
}

function presigned(request: Parameters<typeof presignRequest>[2], timeMs: number): string {
  const identity = { ...testKey("ROOT"), region };
  return presignRequest(hash, identity, request, { timeMs, expiresSeconds: 60 });
}

async function* pieces(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

const create = (value: unknown): Asked => ({ method: "POST", target: "/-/keys", value });
const list: Asked = { method: "GET", target: "/-/keys" };

async function secretIn(keys: AccessKeys, accessKeyId: unknown): Promise<string | undefined> {
  return (await keys.find(String(accessKeyId)))?.secretAccessKey;
}

test("key pages: a key is made, listed without its secret, and deleted", async () => {
  const { keys, ask } = await openPages();
  const made = await ask(create({ owner: "alice" }));
  assert.equal(made.status, 201);
  assert.match(String(made.value["accessKeyId"]), /^HF[A-Z2-7]{18}$/);
  assert.equal(await secretIn(keys, made.value["accessKeyId"]), made.value["secretAccessKey"]);
  const { secretAccessKey: _, ...shown } = made.value;
  assert.deepEqual((await ask(list)).value, { keys: [shown], more: false });
  const target = `/-/keys/${String(made.value["accessKeyId"])}`;
  assert.equal((await ask({ method: "DELETE", target })).status, 204);
  assert.equal(await secretIn(keys, made.value["accessKeyId"]), undefined);
  assert.equal((await ask({ method: "DELETE", target })).status, 404);
});

test("key pages: a key of one's own, which must be new; an owner by default", async () => {
  const { keys, ask } = await openPages();
  const own = { accessKeyId: "a.b@c+d", secretAccessKey: "my-own-secret" };
  assert.equal((await ask(create(own))).value["owner"], "default");
  assert.equal(await secretIn(keys, "a.b@c+d"), "my-own-secret");
  assert.equal((await ask(create(own))).status, 409);
  assert.equal((await ask(create(testKey("ROOT")))).status, 409);
  const behind = await ask({ method: "GET", target: "/-/keys?after=a.b%40c%2Bd" });
  assert.deepEqual(behind.value, { keys: [], more: false });
  const gone = await ask({ method: "DELETE", target: "/-/keys/a.b%40c%2Bd" });
  assert.equal(gone.status, 204);
});

test("key pages: what makes no key is refused with the rule", async () => {
  const { ask } = await openPages();
  const key = testKey("NEW");
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [{ owner: "" }, /owner's name has 1 to 64/],
    [{ owner: "x".repeat(65) }, /owner's name has 1 to 64/],
    [{ owner: "a b" }, /owner's name has 1 to 64/],
    [{ owner: "root" }, /root has one key only/],
    [{ owner: 7 }, /owner is not a string/],
    [{ accessKeyId: "ONLY" }, /or neither/],
    [{ ...key, accessKeyId: "a/b" }, /3 to 128 letters/],
    [{ ...key, secretAccessKey: "short" }, /8 to 128 letters/],
    [{ ...key, secretAccessKey: "x".repeat(129) }, /8 to 128 letters/],
    [{ ...key, secretAccessKey: "with a space" }, /no space/],
    [[], /not a JSON object/],
    ["text", /not a JSON object/],
  ];
  for (const [value, message] of cases) {
    const { status, value: answered } = await ask(create(value));
    assert.equal(status, 400);
    assert.match(String(answered["error"]), message);
  }
  assert.equal((await ask({ ...create(undefined), text: "{" })).status, 400);
  assert.equal((await ask(create({ owner: "x".repeat(5000) }))).status, 413);
  assert.deepEqual((await ask(list)).value, { keys: [], more: false });
});

test("key pages: root alone may, by a signature in the header that covers the body", async () => {
  const { keys, ask } = await openPages();
  await keys.create(testKey("ALICE"), "alice");
  const everything = [list, create({}), { method: "DELETE", target: "/-/keys/ALICE" }];
  const wrong = { ...testKey("ROOT"), secretAccessKey: "wrong" };
  for (const asked of everything) {
    for (const as of ["nobody", "presigned", testKey("ALICE"), wrong] as const) {
      const { status } = await ask({ ...asked, as });
      assert.equal(status, 403, `${asked.method} as ${JSON.stringify(as)}`);
    }
  }
  assert.equal((await ask({ ...create({}), contentSha256: "UNSIGNED-PAYLOAD" })).status, 400);
  assert.equal((await ask({ ...create({}), contentSha256: "ab".repeat(32) })).status, 400);
  assert.equal((await keys.list("", 10)).length, 1);
  assert.equal((await ask({ method: "PUT", target: "/-/keys" })).status, 405);
});

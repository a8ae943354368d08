import { type Authorize, authorize } from "../../auth/authorize.ts";
import { presignRequest, signRequest } from "../../auth/sign.ts";
import { createRequestVerifier } from "../../auth/verify-request.ts";
import { concatBytes, decodeUtf8, encodeUtf8, noBytes, toBase64, toHex } from "../../base/bytes.ts";
import { createTestMachine, type TestStore } from "../../object/testing/test-store.ts";
import { accessKeyKey } from "../../format/row-keys.ts";
import { encodeAccessKeyRow } from "../../format/system-rows.ts";
import type { Clock, SecretCipher } from "../../platform/platform.ts";
import type { Hash } from "../../platform/hash.ts";
import type { HeaderList, HttpHandler, HttpResponse } from "../../platform/http.ts";
import { StoredAccessKeys } from "../../server/access-keys.ts";
import { createLookUp } from "../../server/look-up.ts";
import type { RootCredentials } from "../../server/root-credentials.ts";
import { RequestsPerKey } from "../request/requests-per-key.ts";
import type { ObservedRequest, RequestObserver } from "../observed-request.ts";
import { createS3Handler } from "../s3-handler.ts";
import { httpRequest } from "../../platform/testing/http-requests.ts";

export interface TestRequest {
  readonly method: string;
  readonly target: string;
  readonly headers?: HeaderList;
  readonly body?: Uint8Array | string;
  /** `header` where it is not said. */
  readonly signature?: "header" | "presigned" | "none";
  /** `x-amz-content-sha256`, where it is not the digest of the body. */
  readonly contentSha256?: string;
  /** Where it is not the body's; undefined: no Content-Length at all. */
  readonly contentLength?: string | undefined;
  /** The owner whose key signs; root if none is named. */
  readonly as?: keyof typeof testOwners;
  /** Adds Content-MD5. */
  readonly md5?: boolean;
  /** The body, where it matters whether it is pulled. */
  readonly stream?: AsyncIterable<Uint8Array>;
}

export interface TestResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  readonly text: string;
}

export interface TestS3 {
  readonly store: TestStore;
  readonly handler: HttpHandler;
  /** The requests that were observed, in order. */
  readonly done: readonly ObservedRequest[];
  send(request: TestRequest): Promise<TestResponse>;
}

/** Who may sign, each with an access key of its name. */
export const testOwners = {
  root: { owner: "0".repeat(63) + "1", account: "111122223333", name: "root", root: true },
  alice: { owner: "a".repeat(64), account: "000000000001", name: "alice", root: false },
  bob: { owner: "b".repeat(64), account: "000000000002", name: "bob", root: false },
};
const secretAccessKey = "secret";
const testDomain = "s3.test";

export interface TestS3Options {
  readonly region?: string;
  readonly authorize?: Authorize;
  /** Decides when something takes long; in other tests nothing does. */
  readonly sleep?: Clock["sleep"];
  readonly perKey?: RequestsPerKey;
  readonly observer?: RequestObserver;
  /** Over this store in place of a fresh one. */
  readonly objects?: TestStore;
}

/** The handler over a whole store in memory, and requests signed as its root. */
export async function createTestS3(hash: Hash, options: TestS3Options = {}): Promise<TestS3> {
  const { region = "us-east-1" } = options;
  const store = options.objects ?? (await createTestMachine(hash).frontEnd());
  const done: ObservedRequest[] = [];
  const clock = { ...store.platform.clock, sleep: options.sleep ?? neverLate };
  const keys = await openTestKeys(store);
  const handler = createS3Handler({
    platform: { ...store.platform, clock },
    objects: { ...store, region },
    verifier: createRequestVerifier({
      ...store.platform,
      region,
      domains: [testDomain],
      acceptsV2: true,
    }),
    lookUp: createLookUp(store, keys),
    credentials: keys,
    authorize: options.authorize ?? authorize,
    region,
    domains: [testDomain],
    perKey: options.perKey ?? new RequestsPerKey(Number.POSITIVE_INFINITY),
    observer: {
      began: (each) => options.observer?.began(each),
      ended(each) {
        done.push(each);
        options.observer?.ended(each);
      },
    },
  });
  const send = async (request: TestRequest): Promise<TestResponse> => {
    const body = typeof request.body === "string" ? encodeUtf8(request.body) : request.body;
    const head = signed(store, region, request, body ?? noBytes);
    const response = await handler(
      httpRequest({
        method: request.method,
        ...head,
        remoteAddress: "192.0.2.1",
        body: request.stream ?? pieces(body ?? noBytes),
      }),
    );
    return collected(response);
  };
  return { store, handler, done, send };
}

/** "Code: Message" of an error, or the document as it is. */
export function errorOf({ text }: TestResponse): string {
  const code = /<Code>([^<]*)</.exec(text)?.[1];
  return code === undefined ? text : `${code}: ${elementOf(text, "Message")}`;
}

/** The text of the first element of that name. */
export function elementOf(text: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1];
}

function neverLate(_: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
}

const rootKey: RootCredentials = {
  find: (accessKeyId) =>
    accessKeyId === testOwners.root.name
      ? { accessKeyId, secretAccessKey, principal: testOwners.root }
      : undefined,
};
const noCipher: SecretCipher = { encrypt: (secret) => secret, decrypt: (secret) => secret };

/** The root's key, and those of the others as rows of the index. */
async function openTestKeys({ platform, keymap }: TestStore): Promise<StoredAccessKeys> {
  const { root: _, ...others } = testOwners;
  const puts = Object.values(others).map(({ name, owner, account }) => ({
    key: accessKeyKey(encodeUtf8(name)),
    value: encodeAccessKeyRow({
      secret: encodeUtf8(secretAccessKey),
      owner,
      account,
      ownerName: name,
      createdMs: platform.clock.now(),
      state: "active",
    }),
  }));
  const id = keymap.session.nextChangeId();
  await keymap.system.commit({ id, checks: [], puts, deletes: [] });
  return new StoredAccessKeys({ platform, keymap, cipher: noCipher, rootKey });
}

function signed(
  store: TestStore,
  region: string,
  request: TestRequest,
  body: Uint8Array,
): { readonly target: string; readonly headers: HeaderList } {
  const { hash, clock } = store.platform;
  const { method, target, signature = "header", as: accessKeyId = "root" } = request;
  const own = request.headers ?? [];
  const headers: [string, string][] = own.map(([name, value]) => [name, value]);
  if (!own.some(([name]) => name === "host")) headers.push(["host", testDomain]);
  if (request.md5 === true) headers.push(["content-md5", toBase64(hash.digest("md5", body))]);
  const length = "contentLength" in request ? request.contentLength : String(body.length);
  if (length !== undefined) headers.push(["content-length", length]);
  const identity = { accessKeyId, secretAccessKey, region };
  const timeMs = clock.now();
  if (signature === "none") return { target, headers };
  if (signature === "presigned") {
    const options = { timeMs, expiresSeconds: 60 };
    return {
      target: presignRequest(hash, identity, { method, target, headers }, options),
      headers,
    };
  }
  const contentSha256 = request.contentSha256 ?? toHex(hash.digest("sha256", body));
  const options = { timeMs, contentSha256 };
  const head = signRequest(hash, identity, { method, target, headers }, options);
  return { target, headers: head.headers };
}

async function* pieces(body: Uint8Array): AsyncGenerator<Uint8Array> {
  const middle = Math.floor(body.length / 2);
  if (middle > 0) yield body.subarray(0, middle);
  if (body.length > 0) yield body.subarray(middle);
}

async function collected(response: HttpResponse): Promise<TestResponse> {
  const parts: Uint8Array[] = [];
  if (response.body instanceof Uint8Array) parts.push(response.body);
  else for await (const part of response.body ?? []) parts.push(part.slice());
  const body = concatBytes(parts);
  return {
    status: response.status,
    headers: new Map(response.headers),
    body,
    text: decodeUtf8(body),
  };
}

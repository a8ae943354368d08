// The JavaScript SDK as an independent witness: what it signs and frames, we verify and decode. No
// request leaves the process.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { concatBytes, encodeUtf8 } from "../base/bytes.ts";
import { createHash } from "../node/platform/hash.ts";
import type { HeaderList } from "../platform/http.ts";
import { createDecoder } from "./decode-payload.ts";
import { decodePieces } from "./testing/decode-pieces.ts";
import { exampleIdentity, exampleVerifier } from "./testing/aws-examples.ts";
import type { Verified } from "./claim.ts";
import { isRefusal } from "../base/refusal.ts";

const hash = createHash();

interface Sent {
  readonly verified: Verified;
  readonly body: Uint8Array;
  readonly trailers: ReadonlyMap<string, string>;
}

/** Runs one command and returns its request as the server would understand it. */
async function send(
  run: (client: S3Client) => Promise<unknown>,
  config: S3ClientConfig = {},
): Promise<Sent> {
  let sent: Sent | undefined;
  const client = new S3Client({
    region: exampleIdentity.region,
    credentials: exampleIdentity,
    endpoint: "https://127.0.0.1:9000",
    forcePathStyle: true,
    maxAttempts: 1,
    ...config,
    requestHandler: {
      async handle(request: SdkRequest) {
        sent = await receive(request);
        throw new Error("seen");
      },
    },
  });
  await assert.rejects(run(client), /seen/);
  assert.ok(sent);
  return sent;
}

interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string | string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

async function receive(request: SdkRequest): Promise<Sent> {
  const query = Object.entries(request.query).flatMap(([name, value]) =>
    [value].flat().map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(each ?? "")}`),
  );
  const target = query.length > 0 ? `${request.path}?${query.join("&")}` : request.path;
  const headers: HeaderList = Object.entries(request.headers).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  const verifier = exampleVerifier(hash, Date.now());
  const verified = await verifier.verify({ method: request.method, target, headers });
  assert.ok(!isRefusal(verified), JSON.stringify(verified));
  const decoder = createDecoder(hash, verified.payload);
  const body = concatBytes(await Array.fromAsync(decodePieces(decoder, bodyOf(request.body))));
  return { verified, body, trailers: decoder.trailers };
}

async function* bodyOf(body: unknown): AsyncGenerator<Uint8Array> {
  if (typeof body === "string") yield encodeUtf8(body);
  else if (body instanceof Uint8Array) yield body;
  else if (body instanceof Readable) yield* body;
}

const oddKeys = [
  "plain",
  "a//b/../c/./d/",
  "/leading",
  "a+b c%2Fd%20e",
  "!*'()~-_.$&,:;=@",
  "?query#fragment",
  "ü/日本語/🐟",
  '\u0001\u007f\\"<>',
];

for (const Key of oddKeys) {
  test(`the SDK's requests are verified for the key ${JSON.stringify(Key)}`, async () => {
    const Metadata = { a: "  two  spaces ", b: "x,y" };
    const put = await send((client) =>
      client.send(new PutObjectCommand({ Bucket: "bucket", Key, Body: "hello", Metadata })),
    );
    assert.deepEqual(put.body, encodeUtf8("hello"));
    await send((client) => client.send(new GetObjectCommand({ Bucket: "bucket", Key })));
    const list = { Bucket: "bucket", Prefix: Key, Delimiter: "/", StartAfter: Key };
    await send((client) => client.send(new ListObjectsV2Command(list)));
    const Delete = { Objects: [{ Key }] };
    await send((client) => client.send(new DeleteObjectsCommand({ Bucket: "bucket", Delete })));
  });
}

test("a stream goes in frames with a trailer by the SDK's default", async () => {
  const pieces = [Buffer.alloc(70_000, "a"), Buffer.alloc(5, "b")];
  const { verified, body, trailers } = await send((client) =>
    client.send(
      new PutObjectCommand({
        Bucket: "bucket",
        Key: "key",
        Body: Readable.from(pieces),
        ContentLength: 70_005,
      }),
    ),
  );
  assert.equal(verified.payload.kind, "framed");
  assert.deepEqual(Buffer.from(body), Buffer.concat(pieces));
  const crc32 = Buffer.from(hash.digest("crc32", body)).toString("base64");
  assert.deepEqual([...trailers], [["x-amz-checksum-crc32", crc32]]);
});

test("bytes in memory over plain HTTP are signed by their digest", async () => {
  const { verified, body } = await send(
    (client) =>
      client.send(new PutObjectCommand({ Bucket: "bucket", Key: "key", Body: encodeUtf8("x") })),
    { endpoint: "http://127.0.0.1:9000" },
  );
  assert.equal(verified.payload.kind, "signed");
  assert.deepEqual(body, encodeUtf8("x"));
});

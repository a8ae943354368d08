// Puts many small objects into a bucket of a store that is not running, through the store's own object layer: each object is
// put as any other, with its record, checksum and row, but a thousand at a time, so that they share their syncs.
// Usage: fill-store.ts DATA-DIRECTORY KEY-SPACE-AS-JSON BUCKET
import { isStoreError } from "../../../src/base/errors.ts";
import { encodeUtf8 } from "../../../src/base/bytes.ts";
import { AnswerBudget } from "../../../src/object/read/answer-budget.ts";
import { createLog } from "../../../src/node/platform/log.ts";
import { openStore } from "../../../src/node/store/open-store.ts";
import { createPlatform } from "../../../src/node/platform/platform.ts";
import { openStoreDirectories } from "../../../src/node/store/store-directories.ts";
import { createBodyBuffers } from "../../../src/object/write/body-buffers.ts";
import { BodyBudget } from "../../../src/object/write/body-budget.ts";
import { getBucket } from "../../../src/object/bucket/buckets.ts";
import { digestOf } from "../../../src/object/write/digests.ts";
import type { ObjectStore } from "../../../src/object/object-store.ts";
import { putObject } from "../../../src/object/write/put.ts";
import { isRefusal } from "../../../src/object/refusal.ts";
import { runServices } from "../../../src/server/run-services.ts";
import { openStoreParts } from "../../../src/server/store-parts.ts";
import { type KeySpace, keyOf } from "../load/key-space.ts";

const [path = "", json = "", bucketName = ""] = process.argv.slice(2);
const space = JSON.parse(json) as KeySpace; // from our parent
const atATime = 1000;
const reportEvery = 5000;

const platform = createPlatform({ log: createLog({ level: "warn" }) });
using directories = await openStoreDirectories({ platform, paths: [path], mayCreate: false });
const opened = await openStore(platform, directories, () => undefined);
const parts = await openStoreParts(opened.machine, "front-end", {});
const store: ObjectStore = {
  platform,
  ...parts,
  bodies: new BodyBudget(platform.clock),
  answers: new AnswerBudget(platform.clock),
  buffers: createBodyBuffers(),
  region: "us-east-1",
};
const stop = new AbortController();
const running = runServices(parts.services, stop.signal);
try {
  await fill();
} finally {
  stop.abort();
  await running;
  await parts.reader.close();
  await opened.close();
}

async function fill(): Promise<void> {
  const bucket = await getBucket(store, bucketName);
  if (isRefusal(bucket)) throw new Error(`bucket ${bucketName}: ${bucket.refusal}`);
  const { owner, account } = bucket;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < space.count) {
      const key = keyOf(space, next++);
      await put(key, { owner, account });
      if (next % reportEvery === 0) process.send?.(next);
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

async function put(name: string, owner: { owner: string; account: string }): Promise<void> {
  const bytes = encodeUtf8(name);
  const stored = await putObject(store, {
    bucket: bucketName,
    key: encodeUtf8(name),
    attributes: {
      headers: [["content-type", "application/octet-stream"]],
      metadata: [],
      tags: [],
      ...owner,
      storageClass: "STANDARD",
      encryption: undefined,
      lock: undefined,
    },
    condition: { kind: "always" },
    upload: {
      bytes: one(bytes),
      sizeBytes: bytes.length,
      algorithms: ["crc64nvme"],
      accept: (digests) => {
        return { algorithm: "crc64nvme", type: "full", value: digestOf(digests, "crc64nvme") };
      },
    },
  }).catch((error: unknown) => {
    if (isStoreError(error, "overloaded")) return put(name, owner);
    throw error;
  });
  if (stored !== undefined && isRefusal(stored)) throw new Error(`${name}: ${stored.refusal}`);
}

// eslint-disable-next-line require-await
async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

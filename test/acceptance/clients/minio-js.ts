import { createRequire } from "node:module";
import { readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import assert from "node:assert/strict";
import { region, rootKey } from "../holdfast-server.ts";
import type { Client } from "./client.ts";
import { assertSameTree, megabytes } from "./sample-tree.ts";

/** The part of minio-js that the cases use; it is not among this repository's packages. */
interface MinioClient {
  makeBucket(bucket: string, region: string): Promise<void>;
  removeBucket(bucket: string): Promise<void>;
  fPutObject(bucket: string, key: string, path: string): Promise<unknown>;
  fGetObject(bucket: string, key: string, path: string): Promise<void>;
  putObject(bucket: string, key: string, body: Readable): Promise<unknown>;
  getObject(bucket: string, key: string): Promise<Readable>;
  statObject(bucket: string, key: string): Promise<{ size: number }>;
  copyObject(bucket: string, key: string, source: string): Promise<unknown>;
  listObjectsV2(bucket: string, prefix: string, deep: boolean): AsyncIterable<{ name: string }>;
  removeObjects(bucket: string, keys: readonly string[]): Promise<unknown>;
  presignedGetObject(bucket: string, key: string, seconds: number): Promise<string>;
}

interface Minio {
  Client: new (options: object) => MinioClient;
}

/** Found through NODE_PATH, where `.ci/run` puts it. */
function loadMinio(): { minio: Minio; version: string } | undefined {
  try {
    const load = createRequire(join(process.env["NODE_PATH"] ?? "/", "minio"));
    const { version } = load("minio/package.json") as { version: string };
    return { minio: load("minio") as Minio, version };
  } catch {
    return undefined;
  }
}

export const minioJs: Client = {
  name: "minio-js",
  version: () => Promise.resolve(loadMinio()?.version),
  install: "npm install minio into a folder named by NODE_PATH",
  cases: (bench) => [
    {
      name: "a tree up and down, a stream of unknown length, presigned GET, copy, removal",
      run: async () => {
        const folder = await bench.scratch("minio-js");
        const { hostname, port } = new URL(bench.server.endpoint);
        const { accessKeyId: accessKey, secretAccessKey: secretKey } = rootKey;
        const where = { endPoint: hostname, port: Number(port), useSSL: false, region };
        const found = loadMinio();
        assert.ok(found !== undefined);
        const client = new found.minio.Client({ ...where, accessKey, secretKey });
        const bucket = "minio-js";
        await client.makeBucket(bucket, region);
        const entries = await readdir(bench.tree, { recursive: true, withFileTypes: true });
        for (const entry of entries.filter((item) => item.isFile())) {
          const path = join(entry.parentPath, entry.name);
          await client.fPutObject(bucket, relative(bench.tree, path), path);
        }
        const keys: string[] = [];
        for await (const { name } of client.listObjectsV2(bucket, "", true)) {
          keys.push(name);
          await client.fGetObject(bucket, name, join(folder, name));
        }
        const { files, bytes } = await assertSameTree(bench.tree, folder);
        const block = Buffer.alloc(1 << 20, "holdfast ");
        const pieces = Array.from({ length: 9 }, () => block);
        await client.putObject(bucket, "stream", Readable.from(pieces));
        await client.copyObject(bucket, "copy", `/${bucket}/stream`);
        assert.equal((await client.statObject(bucket, "copy")).size, 9 << 20);
        const answer = await fetch(await client.presignedGetObject(bucket, "copy", 60));
        assert.ok(Buffer.concat(pieces).equals(Buffer.from(await answer.arrayBuffer())));
        await client.removeObjects(bucket, [...keys, "stream", "copy"]);
        await client.removeBucket(bucket);
        await rm(folder, { recursive: true });
        return `${files} files, ${megabytes(bytes)}`;
      },
    },
  ],
};

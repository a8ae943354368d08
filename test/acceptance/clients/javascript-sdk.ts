import assert from "node:assert/strict";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as s3 from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { region, rootKey } from "../holdfast-server.ts";
import type { Client } from "./client.ts";
import { assertSameTree, megabytes } from "./sample-tree.ts";
import sdkPackage from "@aws-sdk/client-s3/package.json" with { type: "json" };

/**
 * Today's JavaScript SDK with its defaults: CRC32 in a trailer, aws-chunked bodies, virtual hosts
 * off.
 */
export const javascriptSdk: Client = {
  name: "JavaScript SDK",
  version: () => Promise.resolve(sdkPackage.version),
  install: "npm ci",
  cases: (bench) => {
    const { endpoint } = bench.server;
    const client = new s3.S3Client({
      endpoint,
      region,
      credentials: rootKey,
      forcePathStyle: true,
    });
    return [
      {
        name: "put a stream, get a range, list, copy, delete many",
        run: async () => {
          const Bucket = "sdk";
          await client.send(new s3.CreateBucketCommand({ Bucket }));
          const Body = Readable.from([Buffer.from("hello "), Buffer.from("stream")]);
          const put = new Upload({ client, params: { Bucket, Key: "a/hello", Body } });
          await put.done();
          await client.send(new s3.PutObjectCommand({ Bucket, Key: "a/text", Body: "0123456789" }));
          const range = await client.send(
            new s3.GetObjectCommand({ Bucket, Key: "a/text", Range: "bytes=2-5" }),
          );
          assert.equal(await range.Body?.transformToString(), "2345");
          const whole = await client.send(new s3.GetObjectCommand({ Bucket, Key: "a/hello" }));
          assert.equal(await whole.Body?.transformToString(), "hello stream");
          await client.send(
            new s3.CopyObjectCommand({ Bucket, Key: "b", CopySource: `${Bucket}/a/text` }),
          );
          const list = await client.send(new s3.ListObjectsV2Command({ Bucket, Delimiter: "/" }));
          assert.deepEqual(
            list.Contents?.map((item) => item.Key),
            ["b"],
          );
          assert.deepEqual(
            list.CommonPrefixes?.map((item) => item.Prefix),
            ["a/"],
          );
          const Objects = ["a/hello", "a/text", "b"].map((Key) => ({ Key }));
          await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
          await client.send(new s3.DeleteBucketCommand({ Bucket }));
          return "";
        },
      },
      {
        name: "lib-storage sends 23 MiB of unknown length in parts",
        run: async () => {
          const Bucket = "sdk-parts";
          await client.send(new s3.CreateBucketCommand({ Bucket }));
          const block = Buffer.alloc(1 << 20, "holdfast ");
          const Body = Readable.from(Array.from({ length: 23 }, () => block));
          const params = { Bucket, Key: "parts", Body };
          await new Upload({ client, params, partSize: 5 << 20 }).done();
          const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: "parts" }));
          assert.match(got.ETag ?? "", /-5"$/);
          const bytes = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
          assert.ok(bytes.equals(Buffer.concat(Array.from({ length: 23 }, () => block))));
          return "";
        },
      },
      {
        name: "a tree by streams up and down, every byte compared",
        run: async () => {
          const Bucket = "sdk-tree";
          const folder = await bench.scratch("javascript-sdk");
          await client.send(new s3.CreateBucketCommand({ Bucket }));
          const entries = await readdir(bench.tree, { recursive: true, withFileTypes: true });
          for (const entry of entries.filter((item) => item.isFile())) {
            const path = join(entry.parentPath, entry.name);
            const params = {
              Bucket,
              Key: relative(bench.tree, path),
              Body: createReadStream(path),
            };
            await new Upload({ client, params }).done();
          }
          for await (const page of s3.paginateListObjectsV2(
            { client, pageSize: 100 },
            { Bucket },
          )) {
            for (const { Key = "" } of page.Contents ?? []) {
              const { Body } = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
              const path = join(folder, Key);
              await mkdir(dirname(path), { recursive: true });
              await pipeline(Body as Readable, createWriteStream(path)); // in Node it is one
            }
          }
          const { files, bytes } = await assertSameTree(bench.tree, folder);
          await rm(folder, { recursive: true });
          return `${files} files, ${megabytes(bytes)}`;
        },
      },
    ];
  },
};

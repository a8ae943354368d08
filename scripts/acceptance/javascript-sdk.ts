import assert from "node:assert/strict";
import { Readable } from "node:stream";
import * as s3 from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { region, rootKey, type HoldfastServer } from "./holdfast-server.ts";
import type { Case } from "./suite.ts";

/** Today's JavaScript SDK with its defaults: CRC32 in a trailer, aws-chunked bodies, virtual hosts off. */
export function javascriptSdkCases(server: HoldfastServer): Case[] {
  const client = new s3.S3Client({
    endpoint: server.endpoint,
    region,
    credentials: rootKey,
    forcePathStyle: true,
  });
  return [
    {
      name: "JavaScript SDK: put a stream, get a range, list, copy, delete many",
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
      name: "JavaScript SDK: lib-storage sends 23 MiB of unknown length in parts",
      run: async () => {
        const Bucket = "sdk-parts";
        await client.send(new s3.CreateBucketCommand({ Bucket }));
        const block = Buffer.alloc(1 << 20, "holdfast ");
        const Body = Readable.from(Array.from({ length: 23 }, () => block));
        const upload = new Upload({
          client,
          params: { Bucket, Key: "parts", Body },
          partSize: 5 << 20,
        });
        await upload.done();
        const got = await client.send(new s3.GetObjectCommand({ Bucket, Key: "parts" }));
        assert.match(got.ETag ?? "", /-5"$/);
        const bytes = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
        assert.ok(bytes.equals(Buffer.concat(Array.from({ length: 23 }, () => block))));
        return "";
      },
    },
  ];
}

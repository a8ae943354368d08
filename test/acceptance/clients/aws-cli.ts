import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import assert from "node:assert/strict";
import { type Client, run, versionOf } from "./client.ts";
import {
  assertSameTree,
  digestOf,
  megabytes,
  secondsSince,
  writeLargeFile,
} from "./sample-tree.ts";

export const awsCli: Client = {
  name: "AWS CLI",
  version: () => versionOf("aws", "--version"),
  install: "pip install awscli",
  cases: (bench) => {
    const aws = (...parameters: string[]): Promise<string> =>
      run("aws", parameters, { environment: bench.environment });
    const modules = realpathSync(resolve(import.meta.dirname, "../../../node_modules"));
    return [
      {
        name: "buckets, small objects, listings, presigned GET",
        run: async () => {
          const file = join(await bench.scratch("aws-cli"), "hello ü + space.txt");
          await writeLargeFile(file, 1 << 20);
          await aws("s3", "mb", "s3://small");
          await aws("s3", "cp", file, "s3://small/dir/hello ü + space.txt");
          await aws("s3", "mv", "s3://small/dir/hello ü + space.txt", "s3://small/dir2/b//c");
          assert.match(await aws("s3", "ls", "--recursive", "s3://small"), /1048576 dir2\/b\/\/c/);
          const url = (await aws("s3", "presign", "s3://small/dir2/b//c")).trim();
          const answer = await fetch(url);
          assert.equal(answer.status, 200);
          const digest = createHash("sha256")
            .update(await answer.bytes())
            .digest("hex");
          assert.equal(digest, await digestOf(file));
          const head = await aws("s3api", "head-object", "--bucket", "small", "--key", "dir2/b//c");
          assert.equal((JSON.parse(head) as { ContentLength: number }).ContentLength, 1 << 20);
          await assert.rejects(aws("s3", "rb", "s3://small"), /BucketNotEmpty/);
          await aws("s3", "rb", "--force", "s3://small");
          return "";
        },
      },
      {
        name: "s3 sync of node_modules up and down, every byte compared",
        run: async () => {
          const down = await bench.scratch("modules");
          const quiet = "--only-show-errors";
          await aws("s3", "mb", "s3://modules");
          let began = performance.now();
          await aws("s3", "sync", "--no-follow-symlinks", quiet, modules, "s3://modules/");
          const up = secondsSince(began);
          began = performance.now();
          await aws("s3", "sync", quiet, "s3://modules/", down);
          const back = secondsSince(began);
          const { files, bytes } = await assertSameTree(modules, down);
          await rm(down, { recursive: true });
          return `${files} files, ${megabytes(bytes)}, up ${up}, down ${back}`;
        },
      },
      {
        name: "a tree of awkward names and sizes up and down, every byte compared",
        run: async () => {
          const down = await bench.scratch("aws-tree");
          await aws("s3", "mb", "s3://aws-tree");
          await aws("s3", "cp", "--recursive", "--only-show-errors", bench.tree, "s3://aws-tree/");
          await aws("s3", "cp", "--recursive", "--only-show-errors", "s3://aws-tree/", down);
          const { files, bytes } = await assertSameTree(bench.tree, down);
          return `${files} files, ${megabytes(bytes)}`;
        },
      },
    ];
  },
};

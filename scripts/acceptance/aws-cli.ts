import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import assert from "node:assert/strict";
import type { Case } from "./suite.ts";
import { runToEnd } from "../run-to-end.ts";
import { region, rootKey, type HoldfastServer } from "./holdfast-server.ts";

/** Runs a program to its end, and gives its output; rejects unless it exits with 0. */
export async function run(
  command: string,
  parameters: readonly string[],
  options: { readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const { cwd, environment: env = process.env } = options;
  const { code, output } = await runToEnd(command, parameters, { cwd, env });
  if (code === 0) return output;
  const what = `${command} ${parameters.join(" ")}`;
  throw new Error(`${what} exited with ${code}:\n${output.slice(-4000)}`);
}

/** The environment in which any AWS SDK or tool talks to the server under test. */
function awsEnvironment(server: HoldfastServer): NodeJS.ProcessEnv {
  return {
    ...process.env,
    AWS_ACCESS_KEY_ID: rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL: server.endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    // Version 1 of the CLI still presigns with Signature V2 unless it is told otherwise.
    AWS_CONFIG_FILE: resolve(import.meta.dirname, "aws-config"),
    AWS_SHARED_CREDENTIALS_FILE: "/dev/null",
    AWS_PAGER: "",
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }))
    hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Every file of `expected` is in `actual` with the same bytes, and nothing else is. */
async function assertSameTree(
  expected: string,
  actual: string,
): Promise<{ files: number; bytes: number }> {
  const names = await filesBelow(expected);
  assert.deepEqual(await filesBelow(actual), names);
  let bytes = 0;
  for (const name of names) {
    bytes += (await stat(join(expected, name))).size;
    assert.equal(await digestOf(join(actual, name)), await digestOf(join(expected, name)), name);
  }
  return { files: names.length, bytes };
}

/** A file of bytes that do not repeat within it, made quickly: a counter written over one random block. */
async function writeLargeFile(path: string, bytes: number): Promise<void> {
  const block = new Uint8Array(1 << 20);
  crypto.getRandomValues(block.subarray(0, 65_536));
  for (let at = 65_536; at < block.length; at += 65_536) block.copyWithin(at, 0, 65_536);
  const view = new DataView(block.buffer);
  const file = await open(path, "w");
  for (let written = 0, count = 0; written < bytes; written += block.length, count++) {
    for (let at = 0; at < block.length; at += 4096) view.setUint32(at, count * 256 + at / 4096);
    await file.write(block);
  }
  await file.close();
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

export function awsCliCases(
  server: HoldfastServer,
  scratch: string,
  skip: string | undefined,
): Case[] {
  const aws = (...parameters: string[]): Promise<string> =>
    run("aws", parameters, { environment: awsEnvironment(server) });
  const modules = resolve(import.meta.dirname, "../../node_modules");
  return [
    {
      name: "AWS CLI: buckets, small objects, listings, presigned GET",
      skip,
      run: async () => {
        await aws("s3", "mb", "s3://small");
        const file = join(scratch, "hello ü + space.txt");
        await (await open(file, "w")).close();
        await writeLargeFile(file, 1 << 20);
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
      name: "AWS CLI: s3 sync of node_modules up and down, every byte compared",
      skip,
      run: async () => {
        const down = join(scratch, "down");
        await aws("s3", "mb", "s3://modules");
        const began = performance.now();
        await aws(
          "s3",
          "sync",
          "--no-follow-symlinks",
          "--only-show-errors",
          modules,
          "s3://modules/",
        );
        const up = performance.now();
        await aws("s3", "sync", "--only-show-errors", "s3://modules/", down);
        const downSeconds = (performance.now() - up) / 1000;
        const { files, bytes } = await assertSameTree(modules, down);
        await rm(down, { recursive: true });
        const rates = `up ${((up - began) / 1000).toFixed(0)} s, down ${downSeconds.toFixed(0)} s`;
        return `${files} files, ${megabytes(bytes)}, ${rates}`;
      },
    },
    {
      name: "AWS CLI: 3 GiB by multipart up and down, every byte compared",
      skip,
      run: async () => {
        const [source, back] = [join(scratch, "large"), join(scratch, "back")];
        await writeLargeFile(source, 3 * 1024 ** 3);
        await aws("s3", "mb", "s3://large");
        const began = performance.now();
        await aws("s3", "cp", "--only-show-errors", source, "s3://large/file");
        const up = performance.now();
        await aws("s3", "cp", "--only-show-errors", "s3://large/file", back);
        const downSeconds = (performance.now() - up) / 1000;
        await run("cmp", [source, back]);
        const head = await aws("s3api", "head-object", "--bucket", "large", "--key", "file");
        assert.match((JSON.parse(head) as { ETag: string }).ETag, /^"[0-9a-f]{32}-\d+"$/);
        await Promise.all([rm(source), rm(back)]);
        return `up ${((up - began) / 1000).toFixed(0)} s, down ${downSeconds.toFixed(0)} s`;
      },
    },
  ];
}

export async function awsVersion(): Promise<string | undefined> {
  try {
    return (await run("aws", ["--version"])).trim();
  } catch {
    return undefined;
  }
}

export async function makeScratch(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  return path;
}

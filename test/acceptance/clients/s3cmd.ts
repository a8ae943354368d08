import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import assert from "node:assert/strict";
import { region, rootKey } from "../holdfast-server.ts";
import { type Client, run, versionOf, type Workbench } from "./client.ts";
import { assertSameTree, megabytes } from "./sample-tree.ts";

/** Settings that keep it on path style and off its user's own file. */
async function writeSettings({ server }: Workbench, folder: string): Promise<string> {
  const { host } = new URL(server.endpoint);
  const path = join(folder, "s3cmd.cfg");
  const lines = [
    "[default]",
    `access_key = ${rootKey.accessKeyId}`,
    `secret_key = ${rootKey.secretAccessKey}`,
    `host_base = ${host}`,
    `host_bucket = ${host}`,
    `bucket_location = ${region}`,
    "use_https = False",
    "multipart_chunk_size_mb = 5",
  ];
  await writeFile(path, `${lines.join("\n")}\n`);
  return path;
}

export const s3cmd: Client = {
  name: "s3cmd",
  version: () => versionOf("s3cmd", "--version"),
  install: "apt-get install s3cmd",
  cases: (bench) => [
    {
      name: "a tree up and down, every byte compared; listing, copy, removal",
      run: async () => {
        const folder = await bench.scratch("s3cmd");
        const settings = await writeSettings(bench, folder);
        const s3cmd = (...parameters: string[]): Promise<string> =>
          run("s3cmd", ["--config", settings, "--no-progress", ...parameters]);
        const down = join(folder, "down/");
        await s3cmd("mb", "s3://s3cmd-tree");
        await s3cmd("sync", "--quiet", `${bench.tree}/`, "s3://s3cmd-tree/");
        await s3cmd("sync", "--quiet", "s3://s3cmd-tree/", down);
        const { files, bytes } = await assertSameTree(bench.tree, down);
        const listed = (await s3cmd("ls", "--recursive", "s3://s3cmd-tree")).trim().split("\n");
        assert.equal(listed.length, files);
        await s3cmd("cp", "s3://s3cmd-tree/sizes/17000001.bin", "s3://s3cmd-tree/copy");
        assert.match(await s3cmd("info", "s3://s3cmd-tree/copy"), /File size: 17000001/);
        await s3cmd("rb", "--recursive", "--force", "s3://s3cmd-tree");
        await rm(folder, { recursive: true });
        return `${files} files, ${megabytes(bytes)}`;
      },
    },
  ],
};

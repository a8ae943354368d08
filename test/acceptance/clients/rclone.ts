import { rm } from "node:fs/promises";
import { join } from "node:path";
import assert from "node:assert/strict";
import { region, rootKey } from "../holdfast-server.ts";
import { type Client, run, versionOf } from "./client.ts";
import { assertSameTree, megabytes } from "./sample-tree.ts";

export const rclone: Client = {
  name: "rclone",
  version: () => versionOf("rclone", "version"),
  install: "apt-get install rclone",
  cases: (bench) => {
    const environment = {
      ...process.env,
      // rclone refuses to start with one; nothing here needs it.
      AWS_CA_BUNDLE: undefined,
      RCLONE_CONFIG: "/dev/null",
      RCLONE_CONFIG_HOLDFAST_TYPE: "s3",
      RCLONE_CONFIG_HOLDFAST_PROVIDER: "Other",
      RCLONE_CONFIG_HOLDFAST_ACCESS_KEY_ID: rootKey.accessKeyId,
      RCLONE_CONFIG_HOLDFAST_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
      RCLONE_CONFIG_HOLDFAST_ENDPOINT: bench.server.endpoint,
      RCLONE_CONFIG_HOLDFAST_REGION: region,
    };
    const rclone = (...parameters: string[]): Promise<string> =>
      run("rclone", ["--low-level-retries", "1", "--retries", "1", ...parameters], { environment });
    return [
      {
        name: "sync of a tree up and down, check --download, every byte compared",
        run: async () => {
          const folder = await bench.scratch("rclone");
          const down = join(folder, "down");
          const remote = "holdfast:rclone-tree";
          const cutoffs = ["--s3-upload-cutoff", "8Mi", "--s3-chunk-size", "5Mi"];
          await rclone("mkdir", remote);
          await rclone("sync", ...cutoffs, bench.tree, remote);
          assert.match(await rclone("check", "--download", bench.tree, remote), /0 differences/);
          await rclone("sync", remote, down);
          const { files, bytes } = await assertSameTree(bench.tree, down);
          await rclone("copy", `${remote}/sizes`, `${remote}/copied`);
          await rclone("check", `${remote}/sizes`, `${remote}/copied`);
          // Removes the copies and sends nothing again: it recognises what is there.
          const again = await rclone("sync", "-v", bench.tree, remote);
          assert.match(again, /Deleted: +\d+/);
          assert.doesNotMatch(again, /Copied/);
          await rclone("purge", remote);
          await rm(folder, { recursive: true });
          return `${files} files, ${megabytes(bytes)}`;
        },
      },
    ];
  },
};

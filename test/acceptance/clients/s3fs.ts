import { access, cp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import assert from "node:assert/strict";
import { rootKey } from "../holdfast-server.ts";
import { type Client, run, versionOf } from "./client.ts";
import { assertSameTree, megabytes } from "./sample-tree.ts";

export const s3fs: Client = {
  name: "s3fs",
  version: async () => {
    const version = await versionOf("s3fs", "--version");
    return (await access("/dev/fuse").then(
      () => true,
      () => false,
    ))
      ? version
      : undefined;
  },
  install: "apt-get install s3fs, on a machine with /dev/fuse",
  cases: (bench) => [
    {
      name: "a tree copied into a mounted bucket, renamed, read back after mounting again",
      run: async () => {
        const folder = await bench.scratch("s3fs");
        const mount = await bench.scratch("s3fs/mount");
        const passwords = join(folder, "passwd");
        const key = `${rootKey.accessKeyId}:${rootKey.secretAccessKey}\n`;
        await writeFile(passwords, key, { mode: 0o600 });
        const options = `url=${bench.server.endpoint},use_path_request_style,passwd_file=${passwords}`;
        const mounted = async <T>(work: () => Promise<T>): Promise<T> => {
          await run("s3fs", ["s3fs-bucket", mount, "-o", options]);
          try {
            return await work();
          } finally {
            await run("fusermount", ["-u", mount]);
          }
        };
        const environment = bench.environment;
        await run("aws", ["s3", "mb", "s3://s3fs-bucket"], { environment });
        const parts = ["awkward", "sizes"];
        await mounted(async () => {
          for (const part of parts) {
            await cp(join(bench.tree, part), join(mount, "first", part), { recursive: true });
          }
          await rename(join(mount, "first"), join(mount, "second"));
        });
        return mounted(async () => {
          assert.deepEqual(await readdir(mount), ["second"]);
          let note = "";
          for (const part of parts) {
            const from = join(bench.tree, part);
            const { files, bytes } = await assertSameTree(from, join(mount, "second", part));
            note += `${part}: ${files} files, ${megabytes(bytes)}; `;
          }
          await rm(join(mount, "second"), { recursive: true });
          return note;
        });
      },
    },
  ],
};

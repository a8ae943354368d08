import { appendFile, cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { region, rootKey } from "../holdfast-server.ts";
import { type Client, run, versionOf } from "./client.ts";
import { assertSameTree, megabytes } from "./sample-tree.ts";

export const restic: Client = {
  name: "restic",
  version: () => versionOf("restic", "version"),
  install: "apt-get install restic",
  cases: (bench) => {
    const restic = (...parameters: string[]): Promise<string> =>
      run("restic", ["--no-cache", ...parameters], {
        environment: {
          ...process.env,
          AWS_ACCESS_KEY_ID: rootKey.accessKeyId,
          AWS_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
          AWS_DEFAULT_REGION: region,
          RESTIC_REPOSITORY: `s3:${bench.server.endpoint}/restic/repository`,
          RESTIC_PASSWORD: "password",
        },
      });
    return [
      {
        name: "two backups, forget with prune, check of all data, restore, every byte compared",
        run: async () => {
          const folder = await bench.scratch("restic");
          const source = join(folder, "source");
          await cp(bench.tree, source, { recursive: true });
          await restic("init");
          await restic("backup", source);
          await Promise.all([
            rm(join(source, "plain/d1"), { recursive: true }),
            appendFile(join(source, "sizes/4194305.bin"), "more"),
          ]);
          await restic("backup", source);
          await restic("forget", "--keep-last", "1", "--prune");
          await restic("check", "--read-data");
          const target = join(folder, "restored");
          await restic("restore", "latest", "--target", target);
          const { files, bytes } = await assertSameTree(source, join(target, source));
          await rm(folder, { recursive: true });
          return `${files} files, ${megabytes(bytes)}`;
        },
      },
    ];
  },
};

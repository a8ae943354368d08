import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Client, run, versionOf } from "./client.ts";
import { assertSameTree, megabytes, writeLargeFile } from "./sample-tree.ts";

const script = join(import.meta.dirname, "boto3_cases.py");
const largeBytes = 3 * 1024 ** 3;

export const boto3: Client = {
  name: "boto3",
  version: () => versionOf("python3", "-c", "import boto3; print(boto3.__version__)"),
  install: "pip install boto3",
  cases: (bench) => {
    const python = (...parameters: string[]): Promise<string> =>
      run("python3", [script, ...parameters], { environment: bench.environment });
    return [
      {
        name: "a tree up and down, every byte compared",
        run: async () => {
          const down = await bench.scratch("boto3-tree");
          await python("tree", bench.tree, down);
          const { files, bytes } = await assertSameTree(bench.tree, down);
          return `${files} files, ${megabytes(bytes)}`;
        },
      },
      {
        name: "3 GiB by multipart up, in parallel ranges down, every byte compared",
        run: async () => {
          const folder = await bench.scratch("boto3-large");
          const [source, back] = [join(folder, "source"), join(folder, "back")];
          await writeLargeFile(source, largeBytes);
          const figures = await python("large", source, back);
          await run("cmp", [source, back]);
          await rm(folder, { recursive: true });
          return figures.trim();
        },
      },
      {
        name: "presigned GET, PUT and part uploads",
        run: () => python("presigned"),
      },
      {
        name: "a browser's POST form",
        run: () => python("form"),
      },
      {
        name: "versions, delete markers, conditional writes",
        run: () => python("versions"),
      },
    ];
  },
};

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { S3Connection } from "../testing/s3-connection.ts";
import { makeBucket } from "../testing/bucket-content.ts";
import { connectionTo, Scratch, ServedStore, started, until } from "../testing/served-store.ts";

// What becomes of writes when somebody removes or replaces extent files under a running server.

/** What is done to the data directory, by name. */
const deeds: Readonly<Record<string, (directory: string) => void>> = {
  "all extent files are removed"(directory) {
    for (const path of extentsIn(directory)) rmSync(path);
  },
  "every extent file is replaced by an empty one"(directory) {
    for (const path of extentsIn(directory)) {
      writeFileSync(`${path}.new`, "");
      renameSync(`${path}.new`, path);
    }
  },
  "every extent file is emptied"(directory) {
    for (const path of extentsIn(directory)) writeFileSync(path, "");
  },
  "the directory of extents is moved away"(directory) {
    renameSync(join(directory, "extents"), join(directory, "extents.old"));
  },
  "an empty directory of extents takes the place of the one before"(directory) {
    renameSync(join(directory, "extents"), join(directory, "extents.older"));
    mkdirSync(join(directory, "extents"));
  },
};

function extentsIn(directory: string): string[] {
  const names = readdirSync(join(directory, "extents"), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => name.endsWith(".extent"))
    .map((name) => join(directory, "extents", name));
}

/** Puts objects until `isOver`; the keys of those answered 200. */
async function putUntil(s3: S3Connection, name: string, isOver: () => boolean): Promise<string[]> {
  const answered: string[] = [];
  for (let i = 0; !isOver(); i++) {
    const key = `${name}-${i}`;
    const { status } = await s3.send("PUT", `/bucket/${key}`, { body: contentOf(key) });
    if (status === 200) answered.push(key);
  }
  return answered;
}

/** Three chunks. */
const largeBytes = 9 * 1024 * 1024;

function contentOf(key: string): Uint8Array {
  const bytes = new Uint8Array(key === "after0-3" ? largeBytes : 2048);
  return bytes.fill(key.length * 7 + (key.charCodeAt(key.length - 1) & 0x3f));
}

test("C1, C8: objects answered 200 after files were removed or replaced can be read, and lost ones are reported", async (t) => {
  using scratch = new Scratch();
  const directory = scratch.directory("a");
  await using server = new ServedStore([directory]);
  const ready = await started(server);
  const s3 = connectionTo(ready);
  await makeBucket(s3);
  const page = async (name: string): Promise<string> =>
    (await fetch(`${ready.endpoint}/-/${name}`)).text();
  for (const [deed, happens] of Object.entries(deeds)) {
    await t.test(deed, async () => {
      const putters = [0, 1, 2];
      let isOver = false;
      const load = putters.map((n) => putUntil(s3, `before${n}`, () => isOver));
      const first = await s3.send("PUT", "/bucket/first", { body: contentOf("first") });
      assert.equal(first.status, 200);
      const isWritten = (): boolean =>
        existsSync(join(directory, "extents")) && extentsIn(directory).length > 0;
      await until("extents are written", isWritten);
      const before = server.output.length;
      happens(directory);
      const afterwards = await Promise.all(
        putters.map(async (n) => {
          let left = 6;
          return putUntil(s3, `after${n}`, () => left-- === 0);
        }),
      );
      isOver = true;
      await Promise.all(load);
      assert.equal(afterwards.flat().length, 6 * putters.length, server.output);
      for (const key of afterwards.flat()) {
        const { status, body } = await s3.send("GET", `/bucket/${key}`);
        assert.equal(status, 200, key);
        assert.equal(Buffer.compare(body, contentOf(key)), 0, key);
      }
      assert.match(server.output.slice(before), /extent_file_lost/);
      await until("readiness reports it", async () =>
        /extents \(\d+ bytes\)/.test(await page("health/ready")),
      );
    });
  }
  const lostFigure = /holdfast_extents_lost\{[^}]*state="missing"\} [1-9]/;
  await until("metrics count them", async () => lostFigure.test(await page("metrics")));
});

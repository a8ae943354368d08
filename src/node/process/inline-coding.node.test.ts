// Large objects coded while they are written, by a real server that is killed, with disks away.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { renameSync } from "node:fs";
import { resolve } from "node:path";
import { after, test } from "node:test";
import type { ClassReport } from "../../admin/scheme-pages.ts";
import {
  connectionTo,
  type ReadyEvent,
  Scratch,
  ServedStore,
  started,
} from "../testing/served-store.ts";
import { programEnvironment } from "../testing/program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../../bin/holdfast.js");
const scratch = new Scratch();
after(() => scratch[Symbol.dispose]());
const directories = Array.from({ length: 6 }, (_, i) => scratch.directory(`disk${i}`));

function holdfast(ready: ReadyEvent, ...parameters: readonly string[]) {
  const where = ["--endpoint", ready.endpoint, "--data", directories[0]!];
  const options = { env: programEnvironment(), encoding: "utf8" } as const;
  return spawnSync(process.execPath, [launcher, ...parameters, ...where], options);
}

function bodyOf(bytes: number, seed: string): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < bytes; at += 64) {
    blocks.push(createHash("sha512").update(`${seed} ${at}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

test("inline coding: what was acknowledged is read after a kill, with any two disks away", async () => {
  const bodies = new Map([
    ["large", bodyOf(20_000_000, "large")],
    ["odd", bodyOf(70_001, "odd")],
    ["small", bodyOf(1000, "small")],
  ]);
  {
    await using server = new ServedStore(directories);
    const ready = await started(server);
    const { stdout, stderr } = holdfast(
      ready,
      "scheme",
      "set",
      "rs-4-2",
      "--inline",
      "on",
      "--json",
    );
    assert.equal(stderr, "");
    assert.equal((JSON.parse(stdout) as ClassReport).isInline, true);
    await server.stop();
  }
  {
    await using server = new ServedStore(directories);
    const s3 = connectionTo(await started(server));
    assert.equal((await s3.send("PUT", "/photos")).status, 200);
    for (const [key, body] of bodies) {
      assert.equal((await s3.send("PUT", `/photos/${key}`, { body })).status, 200);
    }
    s3.close();
  } // killed
  const away = (directory: string): string => `${directory}.away`;
  for (const lost of [directories.slice(1, 3), directories.slice(4), []]) {
    for (const directory of lost) renameSync(directory, away(directory));
    {
      await using server = new ServedStore(directories.filter((one) => !lost.includes(one)));
      const s3 = connectionTo(await started(server));
      for (const [key, body] of bodies) {
        if (key === "small") continue; // a copy on one disk
        const answer = await s3.send("GET", `/photos/${key}`);
        assert.equal(answer.status, 200);
        assert.ok(body.equals(answer.body), key);
        const headers = [["range", "bytes=65000-66000"]] as const;
        const range = await s3.send("GET", `/photos/${key}`, { headers });
        assert.ok(body.subarray(65_000, 66_001).equals(range.body), key);
      }
      s3.close();
    }
    for (const directory of lost) renameSync(away(directory), directory);
  }
});

import assert from "node:assert/strict";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { createHash } from "../node/platform/hash.ts";
import { createTestS3 } from "./testing/test-s3.ts";
import { replay } from "./testing/transcript.ts";

// After a change that is meant: UPDATE_TRANSCRIPTS=1, and review the diff.

const folder = new URL("../../testdata/s3/transcripts/", import.meta.url);
const update = process.env["UPDATE_TRANSCRIPTS"] === "1";

for (const name of (await readdir(folder)).sort()) {
  test(`transcript: ${name}`, async () => {
    const file = new URL(name, folder);
    const expected = await readFile(file, "utf8");
    const region = /^# region: (\S+)/m.exec(expected)?.[1];
    const s3 = await createTestS3(createHash(), region === undefined ? {} : { region });
    const actual = await replay(s3, expected);
    if (update) await writeFile(file, actual);
    else assert.equal(actual, expected);
  });
}

import assert from "node:assert/strict";
import { closeSync, existsSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import type { ScrubReport } from "../../../../src/admin/work-pages.ts";
import { extentHeaderBytes } from "../../../../src/format/limits.ts";
import { surveyFiles } from "../file-survey.ts";
import type { ManyDisks } from "../many-disks.ts";
import { nothingUnderWay, pickOne, pickSome, type Scenario } from "./scenario.ts";

/*
 * Bits that flip while nobody reads them: nothing but scrub finds these. With no load, each is
 * found by scrub and by nobody else.
 */

const share = 0.01;
/** A small store has a few hundred files. */
const extentsMin = 8;

export const flippedBits: Scenario = {
  name: "bits are flipped in 1 % of the extents: scrub finds each of them, and all are mended",
  isQuiet: true,
  run: async (scene) => {
    const { store } = scene;
    await nothingUnderWay(scene);
    const extents = [...surveyFiles(store.directories).values()];
    const count = Math.max(extentsMin, Math.ceil(extents.length * share));
    const flips = pickSome(extents, count).map((members) => flipBit(pickOne(members).path));
    const begunMs = Date.now();
    await store.command("scrub", "start");
    const report = await scrubbed(store, begunMs);
    const found = report.disks.reduce((sum, { bad }) => sum + bad, 0);
    assert.equal(found, flips.length, "as many bad files are found as were changed");
    const note = await scene.healed("with bits that were flipped");
    for (const flip of flips) assert.ok(isMended(flip), `${flip.path} is mended, or gone`);
    const files = report.disks.reduce((sum, { members }) => sum + members, 0);
    return `scrub read ${files} files and found all of ${found}; ${note}`;
  },
};

/** Waits until every disk was read from its beginning on since then. */
async function scrubbed(store: ManyDisks, sinceMs: number): Promise<ScrubReport> {
  let report: ScrubReport | undefined;
  await store.until("every disk is scrubbed", async () => {
    report = (await store.report("scrub")) as ScrubReport; // our own output
    return report.disks.every(
      ({ isReading, readSince }) =>
        !isReading && readSince !== null && Date.parse(readSince) >= sinceMs,
    );
  });
  assert.ok(report !== undefined);
  return report;
}

interface Flip {
  readonly path: string;
  readonly offset: number;
  /** What stood there. */
  readonly byte: number;
}

/** Flips one bit behind the header. */
function flipBit(path: string): Flip {
  const file = openSync(path, "r+");
  try {
    const { size } = fstatSync(file);
    const offset = extentHeaderBytes + Math.floor(Math.random() * (size - extentHeaderBytes));
    const byte = byteAt(file, offset);
    const changed = byte ^ (1 << Math.floor(Math.random() * 8));
    writeSync(file, Uint8Array.of(changed), 0, 1, offset);
    return { path, offset, byte };
  } finally {
    closeSync(file);
  }
}

function isMended({ path, offset, byte }: Flip): boolean {
  if (!existsSync(path)) return true; // it is made elsewhere
  const file = openSync(path, "r");
  try {
    return byteAt(file, offset) === byte;
  } finally {
    closeSync(file);
  }
}

function byteAt(file: number, offset: number): number {
  const buffer = new Uint8Array(1);
  assert.equal(readSync(file, buffer, 0, 1, offset), 1);
  return buffer[0]!; // it was read
}

import { type Background, createBackground } from "../control/background.ts";
import { type CheckReport, checkStore } from "../control/check.ts";
import { IndexVerification } from "../control/index-verification.ts";
import type { Engine } from "../engine/engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { SessionId } from "../format/ids.ts";
import { createProcessStore, type ProcessStore } from "../object/object-store.ts";
import type { Platform } from "../platform/platform.ts";
import { runServices } from "../server/services.ts";
import { openStoreParts, type StoreParts } from "../server/store-parts.ts";

// The processes of a machine: the composition of server/, without HTTP.

export type Role = "front end" | "background";

/** The parts of a machine that its processes find. */
export interface RolePlace {
  readonly platform: Platform;
  readonly engine: Engine;
  readonly disks: ExtentDisks;
  /** The generation that the supervisor's start found. */
  readonly generation: number;
  readonly extentBytes: number;
  readonly isAlive: (session: SessionId) => boolean;
  readonly opened: (session: SessionId) => void;
  readonly signal: AbortSignal;
}

/** The parts of a running process that the simulation uses. */
export interface RoleAccess {
  /** The store of a front end. */
  readonly store?: ProcessStore | undefined;
  /** The background work of a background worker. */
  readonly background?: Background | undefined;
  /** Runs `holdfast check` in a background worker. */
  readonly check?: (() => Promise<CheckReport>) | undefined;
}

export const engineName = "index";
const region = "us-east-1";
/** The share of an extent's bytes that may stay dead. */
export const deadShare = 0.3;
/** Short, so that little virtual time brings much to happen. */
const sealAfterMs = 5000;
/** Uploads that are idle for so long are ended. */
export const uploadIdleMs = 30_000;
const verifyIndexMs = 20_000;
/** Few, so that most uploads end in several commits. */
export const partsPerCommit = 1;
/** Few, so that it happens at all in a run. */
const mergedAtOnce = 3;
const backgroundLimits = {
  deadShare,
  restShare: 1,
  idleMs: 1000,
  oldReadMs: 120_000,
  bucketSweepMs: 10_000,
  straySweepMs: 10_000,
  uploadIdleMs,
  uploadSweepMs: 5000,
  partsPerCommit,
  generationMs: 2000,
};

/** Runs until the signal aborts; throws what ends the process. */
export async function runRole(
  role: Role,
  place: RolePlace,
  serves: (access: RoleAccess) => void,
): Promise<void> {
  const { platform, engine, disks, generation, extentBytes, signal } = place;
  const limits = { extentBytes, reserveBytes: 0, sealAfterMs };
  const kind = role === "front end" ? "front-end" : "background";
  const engines = new Map([[engineName, engine]]);
  const parts = await openStoreParts({ platform, engines, disks, generation }, kind, limits);
  const { keymap, writer, reader, reads } = parts;
  place.opened(keymap.session.id);
  if (role === "front end") {
    const shared = { platform, keymap, writer, reader, reads, region };
    serves({ store: createProcessStore(shared, partsPerCommit) });
    await runServices(parts.services, signal);
  } else await runBackground(place, parts, serves);
  await reader.close();
  await engine.close();
}

async function runBackground(
  place: RolePlace,
  parts: StoreParts,
  serves: (access: RoleAccess) => void,
): Promise<void> {
  const { platform, disks, isAlive, signal } = place;
  const limits = { ...backgroundLimits, smallBytes: place.extentBytes / 4, mergedAtOnce };
  const { engines, damage } = parts;
  const verifyEvery = { platform, engines, damage, everyMs: verifyIndexMs };
  const background = createBackground({
    platform,
    disks,
    ...parts,
    isAlive,
    limits,
    observers: [new IndexVerification(verifyEvery)],
  });
  const check = () =>
    checkStore({ platform, disks, ...parts, signal: new AbortController().signal });
  serves({ background, check });
  await runServices([...parts.services, background], signal);
}

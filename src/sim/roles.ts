import type { Background } from "../control/background.ts";
import { type CheckReport, checkStore } from "../control/check.ts";
import type { Engine } from "../engine/engine.ts";
import type { ExtentDisks } from "../extent/extent-files.ts";
import type { SessionId } from "../format/ids.ts";
import type { ProcessStore } from "../object/object-store.ts";
import type { HttpHandler } from "../platform/http.ts";
import type { Platform, SecretCipher } from "../platform/platform.ts";
import { openBackground } from "../server/background-process.ts";
import { openFrontEnd } from "../server/front-end.ts";
import { rootCredentials } from "../server/root-credentials.ts";
import { runServices } from "../server/services.ts";
import { StoredDisks } from "../server/disk-administration.ts";
import type { DiskFeed, StoreCore, StoreMachine } from "../server/store-core.ts";
import type { DiskMount } from "../keymap/disk-changes.ts";

// The processes of a machine: the composition of server/, without sockets.

export type Role = "front end" | "background";

/** What the processes of a machine find. */
export interface RolePlace {
  readonly platform: Platform;
  readonly engine: Engine;
  readonly disks: ExtentDisks;
  /** Undefined where the disks are fixed. */
  readonly feed: DiskFeed | undefined;
  /** Makes a directory one of the store's, as the owner of the locks does. */
  readonly takeIn: (path: string) => Promise<DiskMount>;
  /** The generation that the supervisor's start found. */
  readonly generation: number;
  readonly extentBytes: number;
  /** What was freed is kept for so long; 0: it is not. */
  readonly restoreWindowMs: number;
  readonly isAlive: (session: SessionId) => boolean;
  readonly opened: (session: SessionId) => void;
  readonly signal: AbortSignal;
}

/** What the simulation uses of a running process. */
export interface RoleAccess {
  /** The store of a front end. */
  readonly store?: ProcessStore | undefined;
  /** Answers requests over the store of a front end. */
  readonly handler?: HttpHandler | undefined;
  /** The background work of a background worker. */
  readonly background?: Background | undefined;
  /** What people ask to be done with disks. */
  readonly disks?: StoredDisks | undefined;
  /** Runs `holdfast check` in a background worker. */
  readonly check?: (() => Promise<CheckReport>) | undefined;
}

export const engineName = "index";
export const region = "us-east-1";
/** The share of an extent's bytes that may stay dead. */
export const deadShare = 0.3;
/** Small, so that a full disk is at times met before it and at times behind it. */
const reserveBytes = 4096;
const requestsPerKey = 768;
export const rootKey = { accessKeyId: "root", secretAccessKey: "secret of the root" };
/** The simulation keeps nothing secret. */
const noCipher: SecretCipher = { encrypt: (secret) => secret, decrypt: (secret) => secret };
/** Short, so that little virtual time brings much to happen. */
const sealAfterMs = 5000;
/** Uploads that are idle for so long are ended. */
export const uploadIdleMs = 30_000;
const verifyIndexMs = 20_000;
/** Often, so that the log is trimmed behind some in a run. */
const snapshotLimits = { lookMs: 3000, logBytesMin: 60_000, ageMs: 30_000 };
/** Each look reads the heads of all segments and snapshots on all disks. */
const fleetSnapshotLimits = { ...snapshotLimits, lookMs: 9000 };
/** Few, so that most uploads end in several commits. */
export const partsPerCommit = 1;
/** A fleet has members made on other disks, and all of them read again, within a run. */
const fleetLimits = {
  memberReserveBytes: reserveBytes,
  diskGraceMs: 20_000,
  scrubMs: 120_000,
  // Looks at many disks are most of what a run costs.
  idleMs: 3000,
  generationMs: 6000,
  straySweepMs: 30_000,
};
/** Few, so that it happens at all in a run. */
const mergedAtOnce = 3;
const backgroundLimits = {
  deadShare,
  restShare: 1,
  transferShare: 0.5,
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
  if (role === "front end") await runFrontEnd(place, serves);
  else await runBackground(place, serves);
  await place.engine.close();
}

async function runFrontEnd(place: RolePlace, serves: (access: RoleAccess) => void): Promise<void> {
  const { platform, disks, feed, extentBytes, signal } = place;
  const frontEnd = await openFrontEnd({
    machine: machineOf(place),
    rootKey: rootCredentials(rootKey, disks.store, platform.hash),
    secretCipher: noCipher,
    region,
    domains: [],
    acceptsV2: true,
    limits: { extentBytes, reserveBytes, sealAfterMs },
    partsPerCommit,
    requestsPerKey,
    name: "simulated",
    requestLog: { which: "off", write: () => undefined },
    askOthers: () => Promise.resolve([]),
    stopping: signal,
  });
  place.opened(frontEnd.core.keymap.session.id);
  const { core, objects: store, handler } = frontEnd;
  serves({ store, handler, disks: feed === undefined ? undefined : storedDisks(place, core) });
  await runServices(frontEnd.services, signal);
  await frontEnd.close();
}

async function runBackground(
  place: RolePlace,
  serves: (access: RoleAccess) => void,
): Promise<void> {
  const { platform, disks, feed, extentBytes, restoreWindowMs, isAlive } = place;
  const ofFleet = feed === undefined ? {} : { ...fleetLimits, encodedBytesMin: extentBytes / 4 };
  const opened = await openBackground({
    machine: machineOf(place),
    writerLimits: { extentBytes, sealAfterMs },
    limits: {
      ...backgroundLimits,
      smallBytes: extentBytes / 4,
      mergedAtOnce,
      restoreWindowMs,
      ...ofFleet,
    },
    verifyIndexMs,
    snapshotLimits: feed === undefined ? snapshotLimits : fleetSnapshotLimits,
    isAlive,
    askOthers: () => Promise.resolve([]),
  });
  const { core, background } = opened;
  place.opened(core.keymap.session.id);
  const check = () =>
    checkStore({ platform, disks, ...core, signal: new AbortController().signal });
  serves({ background, check });
  await runServices(opened.services, place.signal);
  await opened.close();
}

/** Processes look at the registry every few seconds by themselves. */
function storedDisks({ platform, disks, takeIn }: RolePlace, core: StoreCore): StoredDisks {
  const { keymap, table, writer } = core;
  const owner = {
    takeIn: async (path: string) => ({ mount: await takeIn(path) }),
    disksChanged: () => undefined,
  };
  const others = { own: () => [], askOthers: () => Promise.resolve([]) };
  return new StoredDisks({ platform, keymap, disks, table, writer, owner, ...others });
}

function machineOf({ platform, engine, disks, feed, generation }: RolePlace): StoreMachine {
  const engines = new Map([[engineName, engine]]);
  return { platform, engines, disks, diskFeed: feed, generation };
}

import type { RunningProcess } from "../machine.ts";
import type { SeededRandom } from "../../platform/seeded-random.ts";
import { aimedPoints } from "./crash.ts";
import { type Aim, anyRunning, type FaultKind, type Scene } from "./fault.ts";

/*
 * A process stops in the middle of anything (SIGSTOP, a stalled virtual machine, a page that is
 * long in coming) and goes on later as if nothing had happened. Mostly the others take it for dead
 * meanwhile: they fence its session, seal its extents, and another is started in its place. Or all
 * of them stop, as on a machine that is suspended.
 */

interface Pause {
  readonly aim: Aim | undefined;
  readonly forMs: number;
  readonly presumedDead: boolean;
  readonly ofAll: boolean;
}

/**
 * Where a pause does most harm. A writer has synced its bytes, and no row refers to them: it is
 * taken for dead meanwhile. A compaction has copied a chunk, and is about to change its row: the
 * row changes meanwhile.
 */
const riskyPoints = [
  { point: "front end: commit head", presumedDeadShare: 0.9 },
  { point: "front end: commit", presumedDeadShare: 0.7 },
  { point: "background: commit head", presumedDeadShare: 0.2 },
  { point: "background: commit version", presumedDeadShare: 0.2 },
  { point: "background: commit", presumedDeadShare: 0.7 },
] as const;

/** Long enough to be fenced, and its extents sealed and compacted, is a minute. */
const durationsMs = [50, 10_000, 60_000, 60_000, 300_000] as const;

export const workerPauses: FaultKind = {
  name: "worker pauses",
  weight: 4,
  // A process that was away for long takes disks for dead that were just as long without a chance
  // to answer.
  excuses: ["fenced", "cancelled", "io"],
  plan(random) {
    const pause = planPause(random);
    return (scene) => {
      scene.aim(pause.aim, (aimedAt) => {
        const running = aimedAt ?? anyRunning(scene);
        if (running === undefined) return;
        const paused = pause.ofAll ? scene.machine.running : [running];
        for (const one of paused) pauseOne(scene, one, pause);
      });
    };
  },
};

function planPause(random: SeededRandom): Pause {
  const forMs = random.pick(durationsMs);
  const roll = random.unit();
  if (roll < 0.5) {
    const { point, presumedDeadShare } = random.pick(riskyPoints);
    const presumedDead = random.chance(presumedDeadShare);
    return { aim: { point, happened: false }, forMs, presumedDead, ofAll: false };
  }
  const aim = { point: random.pick(aimedPoints), happened: random.chance(0.5) };
  const presumedDead = random.chance(0.7);
  const isAimed = roll < 0.8;
  return { aim: isAimed ? aim : undefined, forMs, presumedDead, ofAll: roll > 0.95 };
}

function pauseOne(scene: Scene, running: RunningProcess, { forMs, ...pause }: Pause): void {
  const { machine } = scene;
  const { process } = running;
  process.pause();
  machine.log("nemesis", `pause of ${process.name} for ${forMs} ms`);
  if (pause.presumedDead && !pause.ofAll) machine.presumeDead(running);
  scene.afterMs(forMs, () => process.resume());
  scene.onHeal(() => process.resume());
}

/** SIGTERM for one process. */
export const workerStops: FaultKind = {
  name: "worker stops",
  weight: 1,
  excuses: ["cancelled"],
  plan: () => (scene) => {
    const running = anyRunning(scene);
    if (running !== undefined) scene.machine.stop(running);
  },
};

import type { FaultKind } from "./fault.ts";
import { anyRunning } from "./fault.ts";

/*
 * A process stops in the middle of anything (SIGSTOP, a stalled virtual machine, a page that is long
 * in coming) and goes on later as if nothing had happened. Mostly the others take it for dead
 * meanwhile: they fence its session, seal its extents, and another is started in its place.
 */

/**
 * Where a pause does most harm. A writer has synced its bytes, and no row refers to them: it is
 * taken for dead meanwhile. A compaction has copied a chunk, and is about to change its row: the row
 * changes meanwhile.
 */
const pausePoints = [
  { point: "front end: commit head", presumedDeadShare: 0.9 },
  { point: "front end: commit", presumedDeadShare: 0.7 },
  { point: "background: commit head", presumedDeadShare: 0.2 },
  { point: "background: commit version", presumedDeadShare: 0.2 },
  { point: "background: commit", presumedDeadShare: 0.7 },
] as const;

export const workerPauses: FaultKind = {
  name: "worker pauses",
  weight: 3,
  // Whoever was away for long takes disks for dead that were just as long without a chance to
  // answer.
  excuses: ["fenced", "cancelled", "io"],
  plan(random) {
    const { point, presumedDeadShare } = random.pick(pausePoints);
    const aim = random.chance(0.8) ? { point, happened: false } : undefined;
    const presumedDead = random.chance(presumedDeadShare);
    const forMs = random.pick([50, 10_000, 60_000, 60_000]);
    return (scene) => {
      scene.aim(aim, (aimedAt) => {
        const { machine } = scene;
        const running = aimedAt ?? anyRunning(scene);
        if (running === undefined) return;
        const { process } = running;
        process.pause();
        machine.log("nemesis", `pause of ${process.name} for ${forMs} ms`);
        if (presumedDead) machine.presumeDead(running);
        scene.afterMs(forMs, () => process.resume());
        scene.onHeal(() => process.resume());
      });
    };
  },
};

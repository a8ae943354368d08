import type { FaultKind } from "./fault.ts";
import { anyRunning } from "./fault.ts";

/*
 * A crash comes at some moment, or is aimed: at the next time that a process of one role passes one
 * point of a protocol. Most of what can go wrong has a window of a millisecond, and would hardly
 * ever be hit by chance.
 */

/** Points of few occasions stand here more than once. */
export const aimedPoints: readonly string[] = [
  "front end: records write",
  "front end: records sync",
  "front end: header write",
  "front end: header sync",
  "front end: file create",
  "front end: directory sync",
  "front end: commit head",
  "front end: commit head removed",
  "front end: commit head pushed",
  "front end: commit head promoted",
  "front end: commit version removed",
  "front end: commit fence active",
  "front end: commit part",
  "front end: commit upload",
  "front end: commit bucket",
  "front end: commit fence deleting",
  "front end: commit fence removed",
  "front end: commit extent open",
  "front end: commit extent sealed",
  "front end: commit extent settled",
  "background: commit session removed",
  "background: header write",
  "background: header sync",
  "background: file remove",
  "background: directory sync",
  "background: records sync",
  "background: commit head",
  "background: commit part",
  "background: commit version",
  "background: commit upload removed",
  "background: commit garbage batch",
  "background: commit garbage batch removed",
  "background: commit garbage batch removed",
  "background: commit drain",
  "background: commit drain",
  "background: commit drain",
  "background: commit extent sealed",
  "background: commit extent settled",
  "background: commit extent dropping",
  "background: commit extent removed",
];

/** Power for all, or kill -9 of one process. Every run has some. */
export const crash: FaultKind = {
  name: "crash",
  weight: 0,
  excuses: [],
  plan(random) {
    const aim = { point: random.pick(aimedPoints), happened: random.chance(0.5) };
    const scope = random.chance(0.5) ? "power" : "process";
    const isAimed = random.chance(0.8);
    return (scene) => {
      scene.aim(isAimed ? aim : undefined, (aimedAt) => {
        const { machine } = scene;
        const running = aimedAt ?? anyRunning(scene);
        machine.crashes++;
        machine.log("nemesis", `crash of ${scope} ${running?.process.name}`);
        if (scope === "power") machine.cutPower();
        else if (running !== undefined) machine.kill(running);
      });
    };
  },
};

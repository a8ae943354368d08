import type { FaultKind } from "./fault.ts";
import { anyRunning } from "./fault.ts";

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

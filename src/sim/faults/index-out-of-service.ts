import type { FaultKind } from "./fault.ts";
import { pickDurationMs } from "./fault.ts";

/** A sync of the index failed: it is out of service until it was verified. */
export const indexOutOfService: FaultKind = {
  name: "index out of service",
  weight: 1,
  excuses: ["unavailable", "unknown", "io"],
  plan(random) {
    const forMs = pickDurationMs(random);
    return ({ machine: { engine }, afterMs }) => {
      engine.fail();
      afterMs(forMs, () => engine.recover());
    };
  },
};

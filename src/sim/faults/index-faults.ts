import { space, storedKey } from "../../format/row-keys.ts";
import { firstPartitionId } from "../../keymap/first-rows.ts";
import { type FaultKind, pickDurationMs } from "./fault.ts";

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

const spaces = [space.heads, space.heads, space.versions, space.parts, space.uploads];
/** Rows damaged at a time: few, as scans of a space read as many rows more. */
const rowsAtOnce = 4;

/**
 * Rows of the index can't be read for a while. Who meets one marks the index as damaged, listings
 * pass it, and nothing is reclaimed until a verification finds all of it good.
 */
export const rowsDamaged: FaultKind = {
  name: "rows damaged",
  weight: 1,
  excuses: ["corrupt"],
  plan(random) {
    const forMs = pickDurationMs(random);
    const chosen = random.pick(spaces);
    return async ({ machine: { engine }, afterMs, onHeal }) => {
      const rows = await engine.rowsIn(chosen);
      for (let i = 0; i < rowsAtOnce && rows.length > 0; i++) {
        engine.damagedRows.damage(storedKey(firstPartitionId, random.pick(rows).key));
      }
      afterMs(forMs, () => engine.damagedRows.heal());
      onHeal(() => engine.damagedRows.heal());
    };
  },
};

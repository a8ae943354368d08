import { isStoreError, messageOf } from "../base/errors.ts";
import { leaseKey } from "../format/row-keys.ts";
import { encodeLeaseRow } from "../format/system-rows.ts";
import type { Platform, Service } from "../platform/platform.ts";
import type { Keymap } from "./keymap.ts";
import type { ReadTracker } from "./read-tracker.ts";

/** @limit Time between renewals. What waits for old reads to end waits at least this long. */
const leaseRenewMs = 3000;

export interface LeaseOptions {
  readonly platform: Platform;
  readonly keymap: Keymap;
  readonly reads: ReadTracker;
  readonly renewMs?: number | undefined;
}

export interface Lease extends Service {
  /**
   * How long ago a commit of this process last succeeded: a renewal, which is due every three
   * seconds.
   */
  sinceRenewedMs(): number;
}

/**
 * Renews this process's lease until the signal aborts. A failed renewal is tried again at the next
 * turn, except when the session was fenced: then `run` rejects, since the process can do nothing
 * any more and must end.
 */
export function createLease(options: LeaseOptions): Lease {
  const { platform, renewMs = leaseRenewMs } = options;
  const { clock } = platform;
  let renewedMs = clock.monotonicMs(); // this process's session was registered just now
  return {
    name: "lease",
    sinceRenewedMs: () => clock.monotonicMs() - renewedMs,
    async run(signal) {
      while (!signal.aborted) {
        try {
          await renewLease(options);
          renewedMs = clock.monotonicMs();
        } catch (thrown) {
          if (!isStoreError(thrown) || thrown.code === "fenced") throw thrown;
          platform.log("warn", "lease_not_renewed", { error: messageOf(thrown) });
        }
        await clock.sleep(renewMs, signal);
      }
    },
  };
}

export async function renewLease({ keymap, reads }: LeaseOptions): Promise<void> {
  const lease = { period: reads.period, oldestReadPeriod: reads.oldestPeriod() };
  await keymap.system.commit({
    id: keymap.session.nextChangeId(),
    checks: [],
    puts: [{ key: leaseKey(keymap.session.id), value: encodeLeaseRow(lease) }],
    deletes: [],
  });
  // Only now: a process that reads the lease concludes from the period that has ended in which one
  // reads begin.
  reads.endPeriod();
}

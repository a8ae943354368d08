import { StoreError } from "../../base/errors.ts";
import { codeOfDiskError } from "./disk-error-codes.ts";
import type { DiskHealth, StoppedKind } from "./disk-health.ts";

/** Why nothing can be written to any of these: what people can mend most easily names the code. */
export function noDiskFailure(disks: readonly DiskHealth[]): StoreError {
  const states = disks.map((health) => health.state);
  const stopped = states.filter((state) => state.kind !== "writable");
  const unused = states.length - stopped.length;
  const others = unused === 0 ? [] : [`${unused} are out or being emptied`];
  const messages = [...stopped.map((state) => state.message), ...others].join("; ");
  const order: readonly StoppedKind[] = ["full", "read_only", "missing", "no_answer", "io"];
  const worst = order.find((kind) => stopped.some((state) => state.kind === kind)) ?? "io";
  // A directory that is not there is, for who wants to write, a failed disk; `missing` is said of
  // stored bytes.
  const code = worst === "missing" ? "io" : codeOfDiskError[worst];
  return new StoreError(code, `no data directory can be written: ${messages}`);
}

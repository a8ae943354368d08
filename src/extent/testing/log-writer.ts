import type { Hash } from "../../platform/hash.ts";
import type { ExtentDisks } from "../extent-files.ts";
import { localLogDisks } from "../local-log-members.ts";
import { LogWriter, type LogWriterOptions } from "../log-writer.ts";
import type { TestStore } from "./test-store.ts";

export interface TestLogOptions extends Partial<LogWriterOptions> {
  /** Where it writes, instead of the store's own. */
  readonly on?: Pick<ExtentDisks, "store" | "disks"> | undefined;
}

/** A commit log on the store's disks, all of which it knows, by the store's clock. */
export function logWriterOf(
  hash: Hash,
  store: TestStore,
  { on = store.disks, ...options }: TestLogOptions = {},
): LogWriter {
  return new LogWriter({
    platform: store.platform,
    store: on.store,
    disks: () => localLogDisks(hash, on),
    knownDisks: () => on.disks.length,
    writer: "0000000000000000",
    generation: 1,
    instantUs: () => store.clock.monotonicMs() * 1000,
    ...options,
  });
}

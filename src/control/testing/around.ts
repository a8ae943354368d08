import type { Keymap, Partition } from "../../keymap/keymap.ts";

/** The keymap of one partition, with something done before each look of several rows, or commit. */
export function around(keymap: Keymap, before: (call: "scan" | "commit") => Promise<void>): Keymap {
  const partition = keymap.partitions[0]!;
  const wrapped: Partition = {
    id: partition.id,
    read: (keys) => partition.read(keys),
    scan: async (range, options) => {
      await before("scan");
      return partition.scan(range, options);
    },
    inSnapshot: async (read) => {
      await before("scan");
      return partition.inSnapshot(read);
    },
    commit: async (change) => {
      await before("commit");
      return partition.commit(change);
    },
  };
  return {
    ...keymap,
    partitions: [wrapped],
    partitionOf: () => wrapped,
    partitionsOf: () => [wrapped],
  };
}

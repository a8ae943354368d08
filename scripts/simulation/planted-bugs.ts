// Bugs that the simulation must find, each by itself: what it finds without them counts only if it
// finds these.

export interface PlantedBug {
  readonly name: string;
  /** Found it once, so it is tried before 1, 2, 3 …: rare ones take hundreds. Other code, other seeds. */
  readonly seed: number;
  /** The promise it breaks. */
  readonly promise: string;
  readonly file: string;
  /** Stands in the file just once; so a bug that no longer fits the code is noticed. */
  readonly find: string;
  readonly replace: string;
}

export const plantedBugs: readonly PlantedBug[] = [
  {
    name: "the directory of a new extent is not synced",
    seed: 1,
    promise: "C1",
    file: "src/extent/parts/member-file.ts",
    find: "await disk.syncDirectory(directory);",
    replace: "",
  },
  {
    name: "the index is committed before the data is synced",
    seed: 1,
    promise: "C1",
    file: "src/extent/parts/open-extent.ts",
    find: "await member.sync();",
    replace: "",
  },
  {
    name: "a failed sync is tried again",
    seed: 69,
    promise: "C1",
    file: "src/extent/parts/open-extent.ts",
    find: "await member.sync();",
    replace: "await member.sync().catch(() => member.sync());",
  },
  {
    name: "what an overwrite frees is not recorded",
    seed: 1,
    promise: "C5",
    file: "src/object/commit.ts",
    find: "puts: locations.length === 0 ? plan.puts : [...plan.puts, garbage],",
    replace: "puts: plan.puts,",
  },
  {
    name: "commits do not check their session",
    seed: 219,
    promise: "C1",
    file: "src/keymap/partition/engine-partition.ts",
    find: "const checks = [{ key: this.#sessionKey, expect: this.#sessionStamp }, ...change.checks];",
    replace: "const checks = [...change.checks];",
  },
  {
    name: "sealing cuts off the last record",
    seed: 6,
    promise: "C1",
    file: "src/extent/extent-seal.ts",
    find: "length = seen.end;",
    replace: "length = seen.offset;",
  },
  {
    name: "sealing, as every walk, stops at the first bad record",
    seed: 5,
    promise: "C5",
    file: "src/extent/extent-scan.ts",
    find: "isLost ||= offset !== next;",
    replace: "if (offset !== next) return;",
  },
  {
    name: "an extent with damage is dropped without asking the index",
    seed: 14,
    promise: "C5",
    file: "src/control/compaction.ts",
    find: 'this.#isWhole ? "emptied" : "suspect"',
    replace: '"emptied"',
  },
  {
    name: "compaction changes rows without looking whether they changed",
    seed: 242,
    promise: "C2",
    file: "src/control/extents/row-flip.ts",
    find: "const checks = [{ key: row.key, expect: row.stamp }];",
    replace: "const checks: { key: Uint8Array; expect: ChangeId }[] = [];",
  },
  {
    name: "compaction drops an extent before its rows refer to the copies",
    seed: 1,
    promise: "C5",
    file: "src/control/compaction.ts",
    find: "        await this.#flip();\n        return",
    replace: "        return",
  },
  {
    name: "the stray sweep does not look for the row",
    promise: "C5",
    file: "src/control/stray-sweep.ts",
    find: "extent === undefined || (await table.get(extent)) !== undefined",
    replace: "extent === undefined",
    seed: 20,
  },
  {
    name: "completing an upload leaves its parts",
    seed: 1,
    promise: "C5",
    file: "src/object/upload-rows.ts",
    find: "deletes: checks.map((check) => check.key)",
    replace: "deletes: [upload.stored.key]",
  },
  {
    name: "a listing skips the key behind each page",
    seed: 1,
    promise: "C2",
    file: "src/object/page-scan.ts",
    find: "return afterKey(after);",
    replace: "return afterPrefix(after);",
  },
  {
    name: "garbage is added up again after a crash",
    seed: 28,
    promise: "C5",
    file: "src/control/garbage-drain.ts",
    find: "if (marker.value >= sequence) return;",
    replace: "",
  },
  {
    name: "blocks are not verified",
    seed: 14,
    promise: "C4",
    file: "src/extent/parts/local-extent-reader.ts",
    find: "verifyBlocks(hash, header, plan.firstBlock, blocks);",
    replace: "",
  },
  {
    name: "writes do not check that their bucket is there",
    seed: 12,
    promise: "C2",
    file: "src/object/commit.ts",
    find: "checks: [fence, ...plan.checks],",
    replace: "checks: [...plan.checks],",
  },
  {
    name: "conditions are judged before the body only",
    seed: 14,
    promise: "C2",
    file: "src/object/commit-head.ts",
    find: "return refusal ?? planVersion(",
    replace: "return planVersion(",
  },
  {
    name: "a commit of unknown outcome is taken as made",
    seed: 20,
    promise: "C1",
    file: "src/keymap/partition/engine-partition.ts",
    find: 'if (answer === "happened") return { outcome: "ok" };',
    replace: 'if (answer !== undefined) return { outcome: "ok" };',
  },
];

import { instead, leftOut, never, type PlantedBug, replaced, set, without } from "./planted-bug.ts";

/** A bug that only a moment shows which the simulation seldom meets, or never: a test finds it. */
export interface TestedBug extends PlantedBug {
  /** The test's file, from the root. */
  readonly test: string;
}

export const testedBugs: readonly TestedBug[] = [
  {
    name: "Complete does not look whether its upload goes on",
    breaks: "C3",
    marker: "upload-goes-on-until-complete",
    change: without(", ...ending.checks"),
    test: "src/object/upload/multipart.test.ts",
  },
  {
    name: "an upload that has ended is taken for one that goes on",
    breaks: "C3",
    marker: "ended-upload-is-gone",
    change: instead("return found;"),
    test: "src/object/upload/upload-end.test.ts",
  },
  {
    name: "a part is moved although an object has it",
    breaks: "C5",
    marker: "part-of-object-is-left-over",
    change: instead("return false;"),
    test: "src/control/extents/compaction.test.ts",
  },
  {
    name: "a part is moved and its upload's row stays as it was",
    breaks: "C2",
    marker: "part-changes-upload",
    change: set("[{ key: before.rowKey, value: encodePartRow(part) }]"),
    test: "src/control/extents/compaction.test.ts",
  },
  {
    name: "the mode of versioning is taken from the bucket's row",
    breaks: "C2",
    marker: "versioning-of-fence",
    change: replaced(
      "{ head, fence }",
      "{ head, fence: { ...fence, versioning: target.bucket.versioning } }",
    ),
    test: "src/object/version/versions.test.ts",
  },
  {
    name: "whoever waits for a limit is let in, however many there are",
    breaks: "C6",
    marker: "waiters-are-limited",
    change: never,
    test: "src/extent/extent-reader.test.ts",
  },
  {
    name: "the queue of a lane has no end",
    breaks: "C6",
    marker: "lane-is-limited",
    change: instead("return true;"),
    test: "src/extent/extent-writer.test.ts",
  },
  {
    name: "a damaged row that is met is not marked",
    breaks: "C8",
    marker: "damage-is-marked",
    change: leftOut,
    test: "src/engine/index-damage.test.ts",
  },
  {
    name: "reclaiming goes on while the index is damaged",
    breaks: "C9",
    marker: "nothing-reclaimed-while-damaged",
    change: never,
    test: "src/control/index-verification.test.ts",
  },
  {
    name: "extents are dropped by an index that may have become another",
    breaks: "C9",
    marker: "own-index-before-drop",
    change: leftOut,
    test: "src/control/generation-keeper.test.ts",
  },
];

import { StoreError } from "../base/errors.ts";
import { suggestion } from "../base/nearest.ts";

/** The levels that a disk may be labelled with, the widest first. */
export const labelNames = ["region", "zone", "row", "rack", "host"] as const;

export type LabelName = (typeof labelNames)[number];

/**
 * Where a disk stands. Disks with the same label fail together more often than others. What is not
 * given is not known.
 */
export type DiskLabels = Readonly<Partial<Record<LabelName, string>>>;

export const noLabels: DiskLabels = {};

/** @limit Characters of one label, as of a name in DNS. */
const labelCharactersMax = 63;

const labelForm = new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${labelCharactersMax - 1}}$`);
const labelRule = `1 to ${labelCharactersMax} letters, digits, or any of . _ -, a letter or digit first`;

/**
 * Parses labels as people write them, `zone=a,rack=r7`, in any order; the empty text has none. An
 * empty value, `rack=`, is a label that is taken away (`changeLabels`). StoreError `invalid`, with
 * the rule, for all else.
 */
export function parseDiskLabels(text: string): DiskLabels {
  const labels: Partial<Record<LabelName, string>> = {};
  for (const one of text.split(",")) {
    if (one.trim() === "") continue;
    const [name = "", value, more] = one.split("=").map((word) => word.trim());
    if (!isLabelName(name)) {
      const known = labelNames.join(", ");
      const hint = suggestion(name, labelNames);
      throw invalid(`there is no label "${name}"${hint}: a disk has the labels ${known}`);
    }
    if (value === undefined || more !== undefined) throw invalid(`"${one}": write ${name}=VALUE`);
    if (labels[name] !== undefined) throw invalid(`${name} is given twice`);
    if (value !== "" && !labelForm.test(value)) throw invalid(`${name}: a label has ${labelRule}`);
    labels[name] = value;
  }
  return labels;
}

/** The labels that are given, the widest level first: `zone=a,rack=r7`. */
export function formatDiskLabels(labels: DiskLabels): string {
  const given = labelNames.filter((name) => labels[name] !== undefined);
  return given.map((name) => `${name}=${labels[name]}`).join(",");
}

/** The labels after a change: those that it names are set, or taken away where it says "". */
export function changeLabels(before: DiskLabels, change: DiskLabels): DiskLabels {
  const after = { ...before, ...change };
  for (const name of labelNames) if (after[name] === "") delete after[name];
  return after;
}

function isLabelName(name: string): name is LabelName {
  return labelNames.some((one) => one === name);
}

function invalid(message: string): StoreError {
  return new StoreError("invalid", message);
}

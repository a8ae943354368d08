import type { VerifyReport } from "../engine/engine.ts";
import type { IndexRepair } from "../node/store/repair-index.ts";

/** Lines for people. */
export function repairLines(repair: IndexRepair): string[] {
  const { outcome, problems, problemCount, lost, lostCount, missingCount, rowsKept } = repair;
  if (outcome === "sound") return [`The index is not damaged: ${rowsKept} rows verified.`];
  const losses = lostCount + missingCount;
  const lostLines = lost.map(({ row, message }) => `  ${row}: ${message}`);
  const more = losses - lost.length;
  if (more > 0) lostLines.push(`  and ${more} rows whose keys are not known`);
  const found = [`The index is damaged, ${problemCount} problems:`, ...problems.map(indented)];
  switch (outcome) {
    case "repaired":
      return [
        ...found,
        `It was made anew with ${rowsKept} rows; ${losses} are lost${losses === 0 ? "." : ":"}`,
        ...lostLines,
        `The damaged index is kept as ${repair.keptFile}.`,
      ];
    case "would_lose":
      return [
        ...found,
        `${rowsKept} rows can be kept. These would be lost:`,
        ...lostLines,
        "Nothing was changed. To go on without these rows: holdfast check --repair --accept-loss",
      ];
    case "impossible":
      return [...found, ...lostLines, `Nothing was changed: ${repair.message}.`];
  }
}

/** Of an index whose pages must not be followed. */
export function damageLines({ problems, problemCount }: VerifyReport): string[] {
  return [
    `The index is damaged, ${problemCount} problems:`,
    ...problems.map(({ message }) => indented(message)),
    "The rest was not checked. To make the index anew from what can be proved: holdfast check --repair",
  ];
}

function indented(text: string): string {
  return `  ${text}`;
}

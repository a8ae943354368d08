// Writes docs/limits.md from the named limits in the code, so that the list cannot lag behind: module-level numeric constants
// whose name ends in a unit or in Max, with the comment that stands over them. `node scripts/run.js scripts/limits.ts`
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { findFiles } from "./files.ts";

const root = resolve(import.meta.dirname, "..");
const target = join(root, "docs/limits.md");

interface Limit {
  readonly path: string;
  readonly name: string;
  readonly value: string;
  readonly why: string;
}

const pattern =
  /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n|((?:\/\/.*\n)+))?(?:export )?const (\w+(?:Max|Min|Ms|Seconds|Percent|Share)) = ([\d_]+(?:\.\d+)?(?: ?[*+-] ?[\d_]+| ?\*\* ?\d+)*);/g;

export function findLimits(): Limit[] {
  const accept = (name: string): boolean =>
    /\.ts$/.test(name) && !/\.(test|suite|as|d)\.ts$/.test(name);
  return findFiles(join(root, "src"), accept)
    .filter((file) => !/\/(testing|sim)\//.test(file))
    .flatMap((file) => {
      const text = readFileSync(file, "utf8");
      return [...text.matchAll(pattern)].map(([, block, lines, name = "", value = ""]) => ({
        path: relative(root, file),
        name,
        value,
        why: (block ?? lines ?? "")
          .replace(/^\s*(\*|\/\/) ?/gm, " ")
          .replace(/\s+/g, " ")
          .trim(),
      }));
    });
}

export function renderLimits(limits: readonly Limit[]): string {
  const rows = limits.map(({ path, name, value, why }) => {
    return `| \`${name}\` | ${value.replaceAll("*", "\\*")} | ${why.replaceAll("|", "\\|")} | [${path}](../${path}) |`;
  });
  return [
    "# Limits",
    "",
    "Every queue, buffer, fan-out, retry and size has a named limit. This list is made from the code by `scripts/limits.ts`; a",
    "test fails when it lags behind. What an operator can tune is in [src/server/settings.ts](../src/server/settings.ts).",
    "",
    "| name | value | why | where |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) writeFileSync(target, renderLimits(findLimits()));

// Writes docs/limits.md from the named limits in the code, so that the list cannot lag behind: module-level numeric constants
// whose name ends as those of limits do, with the comment that stands over them. `node tools/run.js tools/limits.ts`
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

const suffixes = "Max|Min|Ms|Seconds|Percent|Share|AtOnce|Default";
const pattern = new RegExp(
  [
    // What stands over it,
    String.raw`(?:/\*\*((?:(?!\*/)[\s\S])*)\*/\n|((?://.*\n)+))?`,
    // at the start of a line: a constant of the module,
    String.raw`^(?:export )?const (\w+(?:${suffixes})) =\s`,
    // a number, or what is reckoned from numbers and other constants.
    String.raw`([\w.]+(?: (?:[-+*/]|\*\*) [\w.]+)*);\n`,
  ].join(""),
  "gm",
);

const groupPattern = /^export const (\w*[lL]imits): (\w+) = \{\n([^}]*)\n\};/gm;
const memberPattern = /((?: {2}\/\/.*\n)+)? {2}(\w+): ([^,]+),\n?/g;

export function findLimits(): Limit[] {
  const accept = (name: string): boolean =>
    name.endsWith(".ts") && !/\.(test|suite|as|d)\.ts$/.test(name);
  return findFiles(join(root, "src"), accept)
    .filter((file) => !/\/(testing|sim)\//.test(relative(root, file)))
    .flatMap((file) => {
      const text = readFileSync(file, "utf8");
      const path = relative(root, file);
      return [...limitsIn(path, text), ...groupsIn(path, text)];
    });
}

function limitsIn(path: string, text: string): Limit[] {
  const limits: Limit[] = [];
  let end = -1;
  for (const match of text.matchAll(pattern)) {
    const [all, block, lines, name = "", value = ""] = match;
    const comment = proseOf(block ?? lines ?? "");
    // One right below another shares its comment.
    const shared = match.index === end ? (limits.at(-1)?.why ?? "") : "";
    limits.push({ path, name, value, why: comment === "" ? shared : comment });
    end = match.index + all.length;
  }
  return limits;
}

/** Those that stand together in one object, each explained there or in the object's type. */
function groupsIn(path: string, text: string): Limit[] {
  const limits: Limit[] = [];
  for (const [, group = "", type = "", body = ""] of text.matchAll(groupPattern)) {
    const declared = text.split(`interface ${type} {`)[1]?.split("\n}")[0] ?? "";
    for (const [, lines, name = "", value = ""] of body.matchAll(memberPattern)) {
      const member = new RegExp(String.raw`/\*\* ([^\n]*) \*/\n  readonly ${name}:`);
      const parts = [member.exec(declared)?.[1] ?? "", proseOf(lines ?? "")];
      const why = parts.filter((part) => part !== "").join(" ");
      limits.push({ path, name: `${group}.${name}`, value, why });
    }
  }
  return limits;
}

/** A comment without its marks and line ends. */
function proseOf(comment: string): string {
  return comment
    .replace(/^\s*(\*|\/\/) ?/gm, " ")
    .replace(/\s+/g, " ")
    .trim();
}

export function renderLimits(limits: readonly Limit[]): string {
  const rows = limits.map(({ path, name, value, why }) => {
    return `| \`${name}\` | ${value.replaceAll("*", "\\*")} | ${why.replaceAll("|", "\\|")} | [${path}](../${path}) |`;
  });
  return [
    "# Limits",
    "",
    "Queues, buffers, fan-outs, retries and sizes have named limits. This list is made from the code by `tools/limits.ts`; a",
    "test fails when it lags behind. What an operator can tune is in [src/server/settings.ts](../src/server/settings.ts).",
    "",
    "| name | value | why | where |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) writeFileSync(target, renderLimits(findLimits()));

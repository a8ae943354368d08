// Writes docs/limits.md from the limits that the code declares, so that the list cannot lag behind.
// A limit is a constant of a module whose comment begins with `@limit`; an object of limits has the
// tag on the object, and a comment on each member or in its type. `node tools/run.js
// tools/limits.ts`
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

const tag = String.raw`^/\*\*\s+(?:\* )?@limit\b((?:(?!\*/)[\s\S])*)\*/\n`;
const constantPattern = new RegExp(tag + String.raw`(?:export )?const (\w+) =\s([^;{]+);`, "gm");
const groupPattern = new RegExp(
  tag + String.raw`(?:export )?const (\w+): (\w+) = \{\n([^}]*)\n\};`,
  "gm",
);
const memberPattern = /((?: {2}\/\/.*\n)+)? {2}(\w+): ([^,]+),\n?/g;

/** A number of the module whose name is that of a limit: a bound, a time, a share, a default. */
const limitLike =
  /^(?:export )?const (\w*(?:(?:\b[mM]|M)(?:ax|in)(?![a-z])|[lL]imit(?![a-z])|(?:Ms|Seconds|Percent|Share|AtOnce|Default)\b)\w*)(?:: number)? =\s+(?!["'`]|\([^)]*\)(?::| =>)|async |\w+ =>)[\w.( ]/gm;

function sourceFiles(): { readonly path: string; readonly text: string }[] {
  const accept = (name: string): boolean =>
    name.endsWith(".ts") && !/\.(test|suite|as|d)\.ts$/.test(name);
  return findFiles(join(root, "src"), accept)
    .map((file) => ({ path: relative(root, file), text: readFileSync(file, "utf8") }))
    .filter(({ path }) => !/\/(testing|sim)\//.test(path));
}

export function findLimits(): Limit[] {
  return sourceFiles().flatMap(({ path, text }) => limitsIn(path, text));
}

export function limitsIn(path: string, text: string): Limit[] {
  const constants = [...text.matchAll(constantPattern)].map(
    ([, comment = "", name = "", value = ""]) => {
      return { path, name, value: value.replace(/\s+/g, " "), why: proseOf(comment) };
    },
  );
  return [...constants, ...groupsIn(path, text)];
}

function groupsIn(path: string, text: string): Limit[] {
  const limits: Limit[] = [];
  for (const [, , group = "", type = "", body = ""] of text.matchAll(groupPattern)) {
    const declared = text.split(`interface ${type} {`)[1]?.split("\n}")[0] ?? "";
    for (const [, lines, name = "", value = ""] of body.matchAll(memberPattern)) {
      const member = new RegExp(String.raw`/\*\*((?:(?!\*/)[\s\S])*)\*/\n  readonly ${name}:`);
      const parts = [proseOf(member.exec(declared)?.[1] ?? ""), proseOf(lines ?? "")];
      const why = parts.filter((part) => part !== "").join(" ");
      limits.push({ path, name: `${group}.${name}`, value, why });
    }
  }
  return limits;
}

/** Constants that by their name are limits and are not declared as such. */
export function undeclaredLimits(): string[] {
  return sourceFiles().flatMap(({ path, text }) => {
    const declared = new Set(limitsIn(path, text).map(({ name }) => name));
    return limitLikeNames(text)
      .filter((name) => !declared.has(name))
      .map((name) => `${path}: ${name}`);
  });
}

export function limitLikeNames(text: string): string[] {
  return [...text.matchAll(limitLike)].map(([, name = ""]) => name);
}

/** The text of a comment, without its marks and line ends. */
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
    "Queues, buffers, fan-outs, retries, times and sizes have named limits. `tools/limits.ts` makes this",
    "list from the constants whose comment begins with `@limit`. A test fails when the list lags behind,",
    "and when a constant has the name of a limit and is not declared as one. The settings that an",
    "operator can tune are in [src/server/settings.ts](../src/server/settings.ts).",
    "",
    "| name | value | why | where |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ].join("\n");
}

if (process.argv[1] === import.meta.filename) writeFileSync(target, renderLimits(findLimits()));

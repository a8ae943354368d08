// Markers in the code: comments that stand above the statement that upholds a promise.
import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { findFiles } from "../../tools/files.ts";
import type { PlantedModule } from "./plant.ts";
import type { PlantedBug } from "./planted-bug.ts";

export const root = resolve(import.meta.dirname, "../..");

export interface Marker {
  readonly name: string;
  readonly promises: readonly string[];
  /** The file's path from the root. */
  readonly path: string;
  /** Where the statement begins and ends in the file's text. */
  readonly start: number;
  readonly end: number;
}

const markerPattern = /^[ \t]*\/\/ holds: (.*)\n/gm;
const contentPattern = /^(C\d(?:, C\d)*) ([a-z0-9-]+)$/;

/** All markers of src/. Throws where a comment looks like one and is none. */
export function findMarkers(): Marker[] {
  const files = findFiles(join(root, "src"), (name) => name.endsWith(".ts"));
  return files.flatMap((file) => markersIn(relative(root, file), readFileSync(file, "utf8")));
}

export function markersIn(path: string, text: string): Marker[] {
  return [...text.matchAll(markerPattern)].map((match) => {
    const [line, content = ""] = match;
    const [, promises = "", name = ""] = contentPattern.exec(content) ?? [];
    if (name === "") throw new Error(`${path}: not "holds: C1 name-of-it": ${content}`);
    const start = statementStart(text, match.index + line.length);
    return { name, promises: promises.split(", "), path, start, end: statementEnd(text, start) };
  });
}

/** The marked file with the bug; throws where no marker has the name. */
export function plantedModule(bug: PlantedBug): PlantedModule {
  const marker = findMarkers().find(({ name }) => name === bug.marker);
  if (marker === undefined) throw new Error(`no marker ${bug.marker} for: ${bug.name}`);
  const file = join(root, marker.path);
  return {
    url: pathToFileURL(file).href,
    text: withBug(readFileSync(file, "utf8"), marker, bug),
  };
}

/** The text of the marked file with the bug. */
export function withBug(text: string, marker: Marker, bug: PlantedBug): string {
  const statement = text.slice(marker.start, marker.end);
  const changed = bug.change(statement);
  if (changed === statement) throw new Error(`"${bug.name}" changes nothing: ${statement}`);
  return text.slice(0, marker.start) + changed + text.slice(marker.end);
}

/** Behind white space and further comments. */
function statementStart(text: string, from: number): number {
  const between = /(?:\s|\/\/.*\n|\/\*[\s\S]*?\*\/)*/y;
  between.lastIndex = from;
  between.exec(text);
  return between.lastIndex;
}

const closes: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/**
 * Behind the `;` or `,` of the statement, property or element that begins here, behind the block of
 * a statement that ends in one, or before the bracket that ends what it stands in. Knows strings
 * and comments, no regular expressions.
 */
function statementEnd(text: string, start: number): number {
  const hasBlock = /(?:if|for|while|try|switch)\b/y;
  hasBlock.lastIndex = start;
  const endsInBlock = hasBlock.test(text);
  const open: string[] = [];
  const token =
    /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|\/\/.*|\/\*[\s\S]*?\*\/|[()[\]{};,]/g;
  token.lastIndex = start;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found] = match;
    const close = closes[found];
    if (close !== undefined) open.push(close);
    else if (found === ";" || found === ",") {
      if (open.length === 0) return token.lastIndex;
    } else if (/^[)\]}]$/.test(found)) {
      if (open.length === 0) return match.index;
      if (open.pop() !== found) break;
      const isOver = endsInBlock && open.length === 0 && found === "}";
      if (isOver && !/^\s*(?:else|catch|finally)\b/.test(text.slice(token.lastIndex)))
        return token.lastIndex;
    }
  }
  throw new Error(`no end of: ${text.slice(start, start + 80)}`);
}

/** Columns of a line that a reader of two windows side by side sees whole. */
const columnsMax = 100;

// Strings, templates and regular expressions, each within its line.
const literals =
  /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\//g;

/** True if the line is longer than it may be. What can't be broken may be longer: a single word. */
function isTooLong(line: string): boolean {
  const isOneWord = !/\S\s+\S/.test(line.replace(/^\s*(\/\/|\*|#|-)\s/, ""));
  return line.length > columnsMax && !isOneWord;
}

function lineFaults(text: string, isFault: (line: string) => boolean): string[] {
  return text.split("\n").flatMap((line, index) => {
    return isFault(line) ? [`line ${index + 1} is longer than ${columnsMax} columns`] : [];
  });
}

/** Lines of code that are too long, where not for a literal that the formatter does not break. */
export function longLinesOfCode(text: string): string[] {
  return lineFaults(text, (line) => isTooLong(line) && isTooLong(line.replace(literals, '""')));
}

/** Lines of a document that are too long; a row of a table is a line. */
export function longLinesOfDocument(text: string): string[] {
  return lineFaults(text, (line) => isTooLong(line) && !/^\s*\|/.test(line));
}

/** The anchor that GitHub makes of a heading. */
function anchorOf(heading: string): string {
  const plain = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "");
  return plain.trim().replace(/\s/g, "-");
}

/** The anchors of a document's headings. */
export function anchorsOf(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading)));
}

export interface Link {
  readonly text: string;
  /** The path, relative to the document's folder; empty for the document itself. */
  readonly path: string;
  readonly anchor: string | undefined;
}

/** The links of a document to files of the repository. */
export function linksOf(text: string): Link[] {
  return [...text.matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)].flatMap(([, name = "", target = ""]) => {
    const [path = "", anchor] = target.split("#");
    return /^[a-z]+:/.test(target) ? [] : [{ text: name.replace(/[`\s]+/g, " "), path, anchor }];
  });
}

/** Files of the repository that a document names as code, linked or not: `put.ts`, `s3/errors.ts`. */
export function filesNamed(text: string): string[] {
  return [...text.matchAll(/`((?:[a-z0-9-]+\/)*[a-z0-9][a-z0-9.-]*\.(?:ts|js|md))`/g)].map(
    ([, name = ""]) => name,
  );
}

/** True if a path ends with these names: `put.ts` and `write/put.ts` are the end of `src/write/put.ts`. */
export function endsWithNames(path: string, names: string): boolean {
  return `/${path}`.endsWith(`/${names}`);
}

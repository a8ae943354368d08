// What the texts of the repository keep to, documents and sources.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { findFiles } from "./files.ts";
import {
  anchorsOf,
  endsWithNames,
  filesNamed,
  linksOf,
  longLinesOfCode,
  longLinesOfDocument,
} from "./text.ts";
import { retiredWords, retiredWordsIn } from "./words.ts";

const root = resolve(import.meta.dirname, "..");

interface Text {
  readonly path: string;
  readonly text: string;
}

function textsOf(folders: readonly string[], name: RegExp): Text[] {
  return folders
    .flatMap((folder) => findFiles(join(root, folder), (file) => name.test(file)))
    .map((file) => ({ path: relative(root, file), text: readFileSync(file, "utf8") }));
}

const sources = textsOf(["src", "tools", "test", "bin", ".ci"], /\.(ts|js)$|^run$/);
const documents = [
  ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map((path) => {
    return { path, text: readFileSync(join(root, path), "utf8") };
  }),
  ...textsOf(["docs"], /\.md$/),
];

function complaints(texts: readonly Text[], check: (text: Text) => string[]): string {
  return texts.flatMap((text) => check(text).map((why) => `${text.path}: ${why}`)).join("\n");
}

test("texts: lines of code fit 100 columns, but for literals that can't be broken", () => {
  assert.equal(
    complaints(sources, ({ text }) => longLinesOfCode(text)),
    "",
  );
});

test("texts: lines of documents fit 100 columns, but for rows of tables", () => {
  assert.equal(
    complaints(documents, ({ text }) => longLinesOfDocument(text)),
    "",
  );
});

test("texts: links of documents lead to a file and a heading that are there", () => {
  const found = complaints(documents, ({ path, text }) =>
    linksOf(text).flatMap((link) => {
      const target = link.path === "" ? path : join(dirname(path), link.path);
      if (!existsSync(join(root, target))) return [`links to ${link.path}, which is not there`];
      if (/\.(ts|js|md)$/.test(link.text) && !endsWithNames(target, link.text))
        return [`[${link.text}] links to ${link.path}`];
      if (link.anchor === undefined) return [];
      const anchors = anchorsOf(readFileSync(join(root, target), "utf8"));
      return anchors.has(link.anchor) ? [] : [`#${link.anchor} is no heading of ${target}`];
    }),
  );
  assert.equal(found, "");
});

test("texts: files that documents name are there", () => {
  const paths = [...sources, ...documents].map(({ path }) => path);
  const found = complaints(documents, ({ text }) =>
    filesNamed(text)
      .filter((name) => !paths.some((path) => endsWithNames(path, name)))
      .map((name) => `names ${name}, which is not there`),
  );
  assert.equal(found, "");
});

test("texts: a long line is a fault only where it can be broken", () => {
  const words = "word ".repeat(25);
  assert.equal(longLinesOfCode(`// ${words}`).length, 1);
  assert.equal(longLinesOfCode(`const text = "${words}";`).length, 0);
  assert.equal(longLinesOfCode(`  // https://example.com/${"a".repeat(100)}`).length, 0);
  assert.equal(longLinesOfDocument(words).length, 1);
  assert.equal(longLinesOfDocument(`| ${words} |`).length, 0);
});

test("comments: a line that says what something is does not begin with a preposition", () => {
  const fragment =
    /^\s*\/\*\* (@limit )?(As|At|Among|Between|By|For|From|In|Likewise|Of|On|Per|To|Under|Until|Whether|Whose|With|Without)\b.*/;
  const found = complaints(sources, ({ text }) =>
    text.split("\n").flatMap((line) => fragment.exec(line)?.[0].trim() ?? []),
  );
  assert.equal(found, "");
});

test("words: none that was retired is used, in code or documents", () => {
  const others = sources.filter(({ path }) => path !== "tools/words.ts");
  assert.equal(
    complaints([...others, ...documents], ({ text }) => retiredWordsIn(text)),
    "",
  );
});

test("words: a pattern finds the retired word, and not what is like it", () => {
  for (const { pattern, example, right } of retiredWords) {
    assert.match(example, pattern);
    assert.doesNotMatch(right, pattern);
  }
});

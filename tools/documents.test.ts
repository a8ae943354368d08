// The documents name files of the repository, and break their lines. Whether what they say is true
// is for people to see.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { findFiles } from "./files.ts";

const root = resolve(import.meta.dirname, "..");
const columnsMax = 100;

const isDocument = (name: string): boolean => name.endsWith(".md");
const documents = [
  ...["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"].map((name) => join(root, name)),
  ...findFiles(join(root, "docs"), isDocument),
].map((file) => ({ path: relative(root, file), text: readFileSync(file, "utf8") }));

const repositoryFiles = ["bin", "docs", "src", "test", "testdata", "tools"]
  .flatMap((folder) => findFiles(join(root, folder), () => true))
  .map((file) => `/${relative(root, file)}`);

/** The anchor that a heading has on a page made of the document. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => {
    return heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} -]/gu, "")
      .replaceAll(" ", "-");
  });
}

test("documents: what a link leads to is there", () => {
  const broken = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !/^https?:/.test(target) && !leadsSomewhere(path, text, target))
      .map((target) => `${path}: ${target}`),
  );
  assert.deepEqual(broken, []);
});

function leadsSomewhere(path: string, text: string, target: string): boolean {
  const [name = "", anchor] = target.split("#");
  const file = name === "" ? join(root, path) : resolve(root, dirname(path), name);
  if (!existsSync(file)) return false;
  if (anchor === undefined) return true;
  return anchorsOf(name === "" ? text : readFileSync(file, "utf8")).includes(anchor);
}

test("documents: a file that is named exists", () => {
  const unknown = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/`([a-z][\w./-]*\.ts)`/g)]
      // A name in capitals stands for one that the reader chooses.
      .filter(([, name = ""]) => !/[A-Z]{2}/.test(name))
      .filter(([, name = ""]) => !repositoryFiles.some((file) => file.endsWith(`/${name}`)))
      .map(([, name = ""]) => `${path}: ${name}`),
  );
  assert.deepEqual(unknown, []);
});

test("documents: lines end within 100 columns, but for tables and code", () => {
  const long = documents.flatMap(({ path, text }) =>
    text
      .split("\n")
      .map((line, index) => ({ line, where: `${path}:${index + 1}` }))
      .filter(({ line }) => line.length > columnsMax && !/^(\||#| {4})/.test(line))
      .map(({ where }) => where),
  );
  assert.deepEqual(long, []);
});

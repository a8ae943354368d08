// The repository's own rules, as a test.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { layers, machineFolders, subfolders } from "./layers.ts";
import { findFiles } from "./files.ts";
import { findCircles } from "./import-circles.ts";
import { findLimits, limitLikeNames, renderLimits, undeclaredLimits } from "./limits.ts";
import { allowedState, isAllowedState, moduleState } from "./module-state.ts";

const root = resolve(import.meta.dirname, "..");
const files = findFiles(
  join(root, "src"),
  (name) => name.endsWith(".ts") && !name.endsWith(".as.ts"),
);
const sources = files.map((file) => ({
  path: relative(root, file),
  text: readFileSync(file, "utf8"),
}));

/** Those of tools and tests too. */
const allTexts = (): typeof sources =>
  ["src", "tools", "test"]
    .flatMap((folder) => findFiles(join(root, folder), (name) => name.endsWith(".ts")))
    .map((file) => ({ path: relative(root, file), text: readFileSync(file, "utf8") }));

const isTest = (path: string): boolean =>
  /\.(test|suite|bench)\.ts$/.test(path) || path.includes("/testing/");
const folderOf = (path: string): string => path.split("/")[1] ?? "";

function importsOf(text: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;"']*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']/g;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? "");
}

function complaints(check: (source: { path: string; text: string }) => string[]): string {
  return sources
    .flatMap((source) => check(source).map((why) => `${source.path}: ${why}`))
    .join("\n");
}

test("layers: each folder's imports stand earlier in the list", () => {
  const order = Object.keys(layers);
  for (const [folder, allowed] of Object.entries(layers)) {
    for (const name of allowed)
      assert.ok(order.indexOf(name) < order.indexOf(folder), `${folder} > ${name}`);
  }
});

test("layers: every folder of src/ is in the map", () => {
  const folders = new Set(
    sources.filter(({ path }) => path.split("/").length > 2).map(({ path }) => folderOf(path)),
  );
  for (const folder of folders)
    assert.ok(folder in layers, `src/${folder} is not in tools/layers.ts`);
});

test("layers: a folder imports only folders it may, and only their faces", () => {
  const found = complaints(({ path, text }) =>
    importsOf(text)
      .filter((specifier) => specifier.startsWith("."))
      .flatMap((specifier) => {
        const target = relative(join(root, "src"), resolve(root, dirname(path), specifier)).split(
          "/",
        );
        const [folder, to] = [folderOf(path), target[0] ?? ""];
        if (folder === to || path === "src/globals.d.ts") return [];
        if (target[0] === ".." || !(to in layers))
          return isTest(path) ? [] : [`imports ${specifier}`];
        if (isTest(path)) return [];
        if (!layers[folder]?.includes(to))
          return [`${folder}/ may not import ${to}/ (${specifier})`];
        const depthMax = subfolders[to]?.[target[1] ?? ""] === undefined ? 2 : 3;
        return target.length > depthMax ? [`${specifier} is private to ${to}/`] : [];
      }),
  );
  assert.equal(found, "");
});

test("layers: a subfolder imports only subfolders it may", () => {
  const found = complaints(({ path, text }) => {
    const [, folder = "", subfolder = ""] = path.split("/");
    const allowed = subfolders[folder]?.[subfolder];
    if (allowed === undefined || isTest(path)) return [];
    return importsOf(text)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => relative(root, resolve(root, dirname(path), specifier)).split("/"))
      .filter(
        ([, to, next = ""]) => to === folder && next !== subfolder && next in subfolders[folder]!,
      )
      .filter(([, , next = ""]) => !allowed.includes(next))
      .map(([, , next]) => `${folder}/${subfolder}/ may not import ${folder}/${next}/`);
  });
  assert.equal(found, "");
});

test("layers: each subfolder's imports stand earlier in the list", () => {
  for (const [folder, inside] of Object.entries(subfolders)) {
    const order = Object.keys(inside);
    for (const [subfolder, allowed] of Object.entries(inside))
      for (const name of allowed)
        assert.ok(
          order.indexOf(name) < order.indexOf(subfolder),
          `${folder}/${subfolder} > ${name}`,
        );
  }
});

test("layers: no files import each other, not even for types or by way of others", () => {
  const paths = ["src", "tools", "test"].flatMap((folder) =>
    findFiles(join(root, folder), (name) => name.endsWith(".ts")),
  );
  const imports = new Map(
    paths.map((path) => {
      const relatives = importsOf(readFileSync(path, "utf8")).filter((name) => name[0] === ".");
      return [path, relatives.map((name) => resolve(dirname(path), name))];
    }),
  );
  const circles = findCircles(imports);
  assert.deepEqual(
    circles.map((circle) => circle.map((path) => relative(root, path))),
    [],
  );
});

test("layers: files that import each other are found, each group once", () => {
  const imports = { a: ["b", "e"], b: ["c"], c: ["a", "d"], d: [], e: ["d", "e"], f: ["a"] };
  assert.deepEqual(findCircles(new Map(Object.entries(imports))), [["e"], ["a", "b", "c"]]);
});

test("layers: only node/ and cli/ import node: or native packages", () => {
  const found = complaints(({ path, text }) =>
    isTest(path) || machineFolders.includes(folderOf(path))
      ? []
      : importsOf(text)
          .filter((specifier) => !specifier.startsWith("."))
          .map((specifier) => `imports ${specifier}`),
  );
  assert.equal(found, "");
});

test("purity: no clock, chance or host global outside node/ and cli/", () => {
  const forbidden =
    /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|Buffer\.)/;
  const found = complaints(({ path, text }) => {
    if (isTest(path) || machineFolders.includes(folderOf(path))) return [];
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    const match = forbidden.exec(code);
    return match ? [`${match[0]}: take it from the Platform`] : [];
  });
  assert.equal(found, "");
});

test("names: kebab-case files, no place for odds and ends", () => {
  const found = complaints(({ path }) => {
    const name = path.split("/").at(-1) ?? "";
    const plain = /^[a-z0-9]+(-[a-z0-9]+)*(\.(prop|node))?(\.(test|suite|bench))?(\.d)?\.ts$/.test(
      name,
    );
    const odds = /(^|[-/])(utils?|helpers?|common|shared|manager|misc)([-./]|$)/.test(path);
    return [
      ...(plain ? [] : ["name is not in kebab-case"]),
      ...(odds ? ["name says nothing"] : []),
    ];
  });
  assert.equal(found, "");
});

/** Names that more than one file declares; `declared` has the name as its group. */
function declaredTwice(texts: typeof sources, declared: RegExp): string[] {
  const places = new Map<string, Set<string>>();
  for (const { path, text } of texts)
    for (const [, name = ""] of text.matchAll(declared))
      places.set(name, (places.get(name) ?? new Set()).add(path));
  const twice = [...places].filter(([, paths]) => paths.size > 1);
  return twice.map(([name, paths]) => `${name}: ${[...paths].join(", ")}`);
}

test("names: one exported name means one thing", () => {
  const declared = /^export (?:abstract )?(?:async )?(?:class|interface|type|function\*?) (\w+)/gm;
  const product = sources.filter(({ path }) => !isTest(path));
  assert.deepEqual(declaredTwice(product, declared), []);
});

test("names: one class name means one thing, in tests and tools too", () => {
  assert.deepEqual(declaredTwice(allTexts(), /^(?:export )?(?:abstract )?class (\w+)/gm), []);
});

test("files: short enough to read in a sitting", () => {
  const linesMax = 500;
  const found = complaints(({ path, text }) => {
    const lines = text.split("\n").length;
    return lines > linesMax && !isTest(path) ? [`${lines} lines, ${linesMax} allowed`] : [];
  });
  assert.equal(found, "");
});

test("code: no default exports, no mutable state at module level", () => {
  const found = complaints(({ path, text }) => {
    if (isTest(path)) return [];
    return [
      ...(/^export default/m.test(text) ? ["default export"] : []),
      ...moduleState(text)
        .filter((name) => !isAllowedState(path, name))
        .map((name) => `module-level state: ${name}`),
    ];
  });
  assert.equal(found, "");
  for (const place of Object.keys(allowedState)) {
    const [path = "", name = ""] = place.split(" ");
    const source = sources.find((each) => each.path === path);
    assert.ok(source !== undefined && moduleState(source.text).includes(name), `gone: ${place}`);
  }
});

test("code: module-level state is found in each of its forms, constants are left alone", () => {
  const state = [
    "let a = 1;",
    "export const a = new Map<string, number>();",
    "const a: Set<string> = new Set();",
    "const a = new BufferPool({\n  keptMax: 4,\n});",
    "const a: Pool =\n  new BufferPool();",
    "const a: string[] = [];\nfunction f() {\n  a.push(1);\n}",
    "const a = { count: 0 };\nfunction f() {\n  a.count++;\n}",
    "const a = new Uint8Array(8);\nfunction f() {\n  a[0]! |= 1;\n}",
    "const a = Buffer.alloc(8);\nfunction f() {\n  a.fill(1);\n}",
  ];
  for (const text of state) assert.deepEqual(moduleState(text), ["a"], text);
  const constants = [
    "const a: ReadonlyMap<string, number> = new Map([]);",
    "const a = new TextEncoder();",
    "const a = new Uint8Array(8);\nfunction f() {\n  const b = a[0] === 1;\n}",
    "const a = { count: 0 };\nconst b = { ...a, count: 1 };",
    "const a = () => new Map();",
    "function f() {\n  const a = new Map();\n}",
  ];
  for (const text of constants) assert.deepEqual(moduleState(text), [], text);
});

test("tests: none is skipped without a reason, none is left alone", () => {
  const found = complaints(({ path, text }) => {
    if (!isTest(path)) return [];
    const bare = /\b(it|test|describe)\.(skip|todo|only)\b|\b(skip|todo|only): *true/.exec(text);
    return bare ? [bare[0]] : [];
  });
  assert.equal(found, "");
});

/** Titles of tests and of the cases of suites, which have a `name`. */
function titles(): { readonly path: string; readonly title: string }[] {
  const pattern = /\b(?:(?:test|it)\(|name:)\s*(["'`])((?:\\.|(?!\1).)*)\1/g;
  return allTexts()
    .filter(({ path }) => isTest(path) || path.startsWith("test/"))
    .flatMap(({ path, text }) =>
      [...text.matchAll(pattern)].map(([, , title = ""]) => ({ path, title })),
    );
}

test("tests: a title names the promises it shows at its beginning, and nowhere else", () => {
  const misplaced = titles().filter(({ title }) => {
    return /\bC\d\b/.test(title.replace(/^C[1-9](?:, C[1-9])*: /, ""));
  });
  assert.deepEqual(misplaced, []);
});

test("tests: each promise has some", () => {
  const shown = new Set(
    titles().flatMap(({ title }) => /^(C\d.*?): /.exec(title)?.[1]?.split(", ") ?? []),
  );
  // C7 is shown for epochs alone, as long as nothing splits or moves.
  const promises = ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9"];
  assert.deepEqual(
    promises.filter((one) => !shown.has(one)),
    [],
  );
});

test("repository: speaks of the project alone", () => {
  // Spelled in pieces, so that this file does not find itself.
  const outside = new RegExp(
    ["/wo" + "rk/", "bash_" + "jobs", "\\.libr" + "ary", "/fa" + "rm/"].join("|"),
  );
  const found = complaints(({ text }) => {
    const match = outside.exec(text);
    return match ? [`mentions ${match[0]}`] : [];
  });
  assert.equal(found, "");
});

test("packages: the lock names every optional package, also those of other machines", () => {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>;
  };
  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => {
      const places = [`node_modules/${name}`, `${path}/node_modules/${name}`];
      return !places.some((place) => place in lock.packages);
    }),
  );
  assert.deepEqual(missing, []);
});

test("limits: docs/limits.md is what the code says (else run tools/limits.ts), each with a reason", () => {
  const limits = findLimits();
  const bare = limits.filter(({ why }) => why === "").map(({ path, name }) => `${path}: ${name}`);
  assert.deepEqual(bare, []);
  assert.equal(readFileSync(join(root, "docs/limits.md"), "utf8"), renderLimits(limits));
});

test("limits: a constant that by its name is a limit is declared with @limit", () => {
  assert.deepEqual(undeclaredLimits(), []);
});

test("limits: names of limits are known wherever the word stands, other constants are left alone", () => {
  const like = ["minBytes", "bytesMin", "rerunMaxMs", "rowLimit", "idleMs", "rowsAtOnce"];
  const unlike = ["maximum", "administrator", "version", "limited", "minute"];
  const code = [...like, ...unlike].map((name) => `const ${name} = 2 * other;\n`).join("");
  assert.deepEqual(limitLikeNames(code), like);
  const notNumbers = 'const nameMax = "x";\nconst isMax = (bytes: number): boolean => bytes > 1;\n';
  assert.deepEqual(limitLikeNames(notNumbers), []);
});

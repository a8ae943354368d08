import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { serverBugs } from "../acceptance/history/planted-bugs.ts";
import { simulatedBugs } from "../simulation/planted-bugs.ts";
import { testedBugs } from "./tested-bugs.ts";
import { findMarkers, markersIn, root, withBug } from "./markers.ts";
import { always, instead, leftOut, never, type PlantedBug, replaced, set } from "./planted-bug.ts";

const bugs: readonly PlantedBug[] = [...simulatedBugs, ...testedBugs, ...serverBugs];

test("planted bugs: each has its marker in the code once, and changes the statement there", () => {
  assert.ok(bugs.length >= 30);
  const markers = findMarkers();
  for (const bug of bugs) {
    const [marker, ...more] = markers.filter(({ name }) => name === bug.marker);
    assert.ok(marker !== undefined && more.length === 0, `marker of "${bug.name}"`);
    assert.ok(marker.promises.includes(bug.breaks), `${bug.breaks} of marker ${bug.marker}`);
    withBug(readFileSync(join(root, marker.path), "utf8"), marker, bug);
  }
});

test("planted bugs: each promise of each marker is broken by one of them", () => {
  const broken = new Set(bugs.map(({ marker, breaks }) => `${breaks} ${marker}`));
  const unproved = findMarkers().flatMap(({ name, promises, path }) =>
    promises.filter((one) => !broken.has(`${one} ${name}`)).map((one) => `${path}: ${one} ${name}`),
  );
  assert.deepEqual(unproved, []);
});

const code = (statement: string): string =>
  `const x = [\n  // Why.\n  // holds: C1, C5 it-holds\n  ${statement}\n  other, ];\n`;

function changed(statement: string, change: PlantedBug["change"]): string {
  const text = code(statement);
  const [marker] = markersIn("a.ts", text);
  assert.ok(marker !== undefined);
  assert.deepEqual(marker.promises, ["C1", "C5"]);
  const bug = { name: "it", breaks: "C1", marker: "it-holds", change } as const;
  return withBug(text, marker, bug);
}

test("markers: a marked statement ends where its own semicolon, comma or block does", () => {
  const statements = [
    'await f(a, [b, { c }], "; }");',
    "checks: [fence, ...plan.checks],",
    "if (isIt(a)) {\n    f(); // }\n  } else {\n    g();\n  }",
    "for (let i = 0; i < 3; i++) {\n    f(`;`);\n  }",
    "const f = () => {\n    g();\n  };",
  ];
  for (const statement of statements) {
    assert.equal(changed(statement, leftOut), code(""), statement);
  }
  const last = "x(\n // holds: C1 a\n last\n)";
  const [marker] = markersIn("a.ts", last);
  assert.equal(last.slice(marker?.start, marker?.end), "last\n");
});

test("planted bugs: changes do what they say, and refuse a statement that they do not fit", () => {
  assert.equal(changed("if (f(a) || b) {}", never), code("if (false && (f(a) || b)) {}"));
  assert.equal(changed("if (f(a)) return 1;", always), code("if (true || (f(a))) return 1;"));
  assert.equal(changed("const a: B[] = [1, 2];", set("[]")), code("const a: B[] = [];"));
  assert.equal(changed("checks: [a, b],", set("[]")), code("checks: [],"));
  assert.equal(changed("f(a);", replaced("a", "b")), code("f(b);"));
  assert.equal(changed("f(a);", instead("g();")), code("g();"));
  assert.throws(() => changed("f(a);", never), /not an if/);
  assert.throws(() => changed("f(a, a);", replaced("a", "b")), /stands 2 times/);
  assert.throws(() => changed("f(a);", (statement) => statement), /changes nothing/);
  assert.throws(() => markersIn("a.ts", "// holds: it does\n"), /not "holds/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoreId } from "./ids.ts";
import { readId } from "./ids.ts";
import { parseShippedName, shippedName } from "./shipped-file.ts";

const store = readId<StoreId>(
  Uint8Array.from({ length: 16 }, (_, i) => i),
  0,
);
const other = readId<StoreId>(new Uint8Array(16), 0);

test("shipped files: names are what they were, and say what they are of", () => {
  const slice = { kind: "snapshot", sequence: 42, createdMs: 1_764_000_000_000, slice: 3 } as const;
  const segment = {
    kind: "log",
    first: 43,
    last: 99,
    writer: "00000000000000aa",
    ordinal: 7,
  } as const;
  const named = [
    [{ ...slice, isLast: false }, "snapshots/0000000000000042-0001764000000000-000003.slice"],
    [{ ...slice, isLast: true }, "snapshots/0000000000000042-0001764000000000-000003.end"],
    [segment, "log/0000000000000043-0000000000000099-00000000000000aa-7.log"],
  ] as const;
  for (const [file, rest] of named) {
    const name = shippedName(store, file);
    assert.equal(name, `000102030405060708090a0b0c0d0e0f/${rest}`);
    assert.deepEqual(parseShippedName(store, name), file);
    assert.equal(parseShippedName(other, name), undefined, "of another store");
    assert.equal(parseShippedName(store, `${name}.new`), undefined);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExtentId } from "../format/ids.ts";
import { extentPath, memberOfPath } from "./extent-files.ts";

test("extent files: a path names extent and layout, and no other path names the same", () => {
  const extent = 0xf2a as ExtentId;
  assert.equal(extentPath(extent), "extents/2a/00000000000f2a.extent");
  assert.equal(extentPath(extent, 3), "extents/2a/00000000000f2a-3.extent");
  for (const layout of [0, 1, 12]) {
    assert.deepEqual(memberOfPath(extentPath(extent, layout)), { extent, layout });
  }
  const others = ["2a/00000000000f2a-0", "2a/00000000000f2a-03", "2a/f2a", "2b/00000000000f2a"];
  for (const other of others) assert.equal(memberOfPath(`extents/${other}.extent`), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDiskLabels } from "../format/disk-labels.ts";
import { domainName } from "./failure-domain.ts";

test("failure domains: a rack's name counts within its zone, a disk is one of its own", () => {
  const a = parseDiskLabels("zone=a,rack=3");
  const b = parseDiskLabels("zone=b,rack=3");
  assert.notEqual(domainName(a, "rack", "1"), domainName(b, "rack", "2"));
  assert.equal(domainName(a, "rack", "1"), domainName(a, "rack", "2"));
  assert.equal(domainName(a, "host", "1"), domainName(a, "host", "2"));
  assert.notEqual(domainName(a, "disk", "1"), domainName(a, "disk", "2"));
});

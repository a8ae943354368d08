import assert from "node:assert/strict";
import { test } from "node:test";
import { changeLabels, formatDiskLabels, noLabels, parseDiskLabels } from "./disk-labels.ts";

test("disk labels: parsed in any order, written the widest first", () => {
  const labels = parseDiskLabels("rack=r7, zone=eu-1a");
  assert.deepEqual(labels, { rack: "r7", zone: "eu-1a" });
  assert.equal(formatDiskLabels(labels), "zone=eu-1a,rack=r7");
  assert.deepEqual(parseDiskLabels(""), noLabels);
  assert.equal(formatDiskLabels(noLabels), "");
});

test("disk labels: what is no label is refused with the rule", () => {
  const refused = (text: string, message: RegExp): void => {
    assert.throws(() => parseDiskLabels(text), { code: "invalid", message });
  };
  refused("rak=1", /no label "rak".*rack.*region, zone, row, rack, host/);
  refused("rack", /write rack=VALUE/);
  refused("rack=a=b", /write rack=VALUE/);
  refused("rack=a,rack=b", /twice/);
  refused("host=ä", /letters, digits/);
  refused(`host=${"h".repeat(64)}`, /1 to 63/);
});

test("disk labels: a change sets what it names, and takes away what it leaves empty", () => {
  const before = { zone: "a", rack: "r1" };
  const after = changeLabels(before, parseDiskLabels("rack=,host=h2"));
  assert.deepEqual(after, { zone: "a", host: "h2" });
});

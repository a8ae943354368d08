import assert from "node:assert/strict";
import { test } from "node:test";
import { must } from "../base/assert.ts";
import { codeOf } from "../erasure/codes.ts";
import type { MemberFile, ShardScheme } from "../format/extent-row.ts";
import { createHash } from "../node/platform/hash.ts";
import { encodeExtent } from "./encode-extent.ts";
import { openExtentView } from "./extent-view.ts";
import { identityOf, payloadOf, standardExtents, TestStore } from "./testing/test-store.ts";

const hash = createHash();
const schemes: readonly ShardScheme[] = [
  { kind: "coded", code: "rs", data: 10, parity: 4 },
  { kind: "coded", code: "lrc", data: 12, parity: 4 },
  { kind: "coded", code: "rs", data: 2, parity: 4 },
];

for (const scheme of schemes) {
  const name = `${scheme.code}(${scheme.data},${scheme.parity})`;
  test(`encode: ${name}: what is made of the parities at the end is right, whichever shards are drawn`, async () => {
    const members = scheme.data + scheme.parity;
    const store = await TestStore.create(hash, members);
    const one = { ...store.disks, disks: store.disks.disks.slice(0, 1) };
    const writer = store.writer({ disks: one });
    const ref = await writer.append(standardExtents, identityOf(0), payloadOf(200_000));
    writer.release([ref]);
    await writer.run(AbortSignal.abort());
    const entry = must(await store.table.get(ref.extent), "an extent");
    const view = await openExtentView(store, entry);
    for (let first = 0; first < scheme.data; first++) {
      const random = { bytes: () => Uint8Array.of(0, first) };
      const files = store.diskIds.map((disk, member): MemberFile => {
        return { layout: first + 1, scheme, member, disk };
      });
      const { disks } = store;
      const platform = { ...store.platform, random };
      const parts = { platform, disks, entry, sources: view.sources, code: codeOf(scheme), scheme };
      const work = encodeExtent({ ...parts, files });
      let step = await work.next();
      while (step.done !== true) step = await work.next();
      assert.equal(step.value.length, members);
    }
    await view.close();
  });
}

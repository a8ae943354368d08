import { encodeUtf8 } from "../../base/bytes.ts";
import { isRefusal } from "../../base/refusal.ts";
import { bucketKey } from "../../format/row-keys.ts";
import { standardClass } from "../../format/storage-class.ts";
import { changeChosenScheme } from "../../keymap/chosen-schemes.ts";
import { getBucket } from "../../object/bucket/buckets.ts";
import type { ObjectStore } from "../../object/object-store.ts";
import type { Refusal } from "../../object/refusal.ts";
import type { SimFleet } from "../machine-disks.ts";
import type { ClientSession } from "./context.ts";

/** A bucket's own choice is for objects of this class. */
const choiceClass = "STANDARD_IA";

/** An operator chooses how objects are kept, where the fleet says so. */
export async function makeSchemeChoices(
  session: ClientSession,
  fleet: SimFleet | undefined,
): Promise<void> {
  const { scheme, isInline = false, bucketScheme } = fleet ?? {};
  if (scheme !== undefined) {
    const row = { scheme, isInline, chosenMs: 0 };
    const place = { storageClass: standardClass };
    await untilDone(session, `choose-scheme ${scheme}`, ({ keymap }) =>
      changeChosenScheme(keymap, place, row),
    );
  }
  if (bucketScheme === undefined) return;
  const row = { scheme: bucketScheme, isInline: false, chosenMs: 0 };
  const [name = ""] = session.context.buckets;
  await untilDone(session, `choose-scheme ${bucketScheme} of ${name}`, async (store) => {
    const found = await getBucket(store, name);
    if (isRefusal(found)) return found;
    const bucket = { id: found.id, key: bucketKey(encodeUtf8(name)) };
    return changeChosenScheme(store.keymap, { storageClass: choiceClass, bucket }, row);
  });
}

/** Where the making of the bucket failed there is none to choose for. */
async function untilDone(
  session: ClientSession,
  what: string,
  choose: (store: ObjectStore) => Promise<{ done: true } | Refusal>,
): Promise<void> {
  for (let isDone = false; !isDone;) {
    const attempt = await session.attempt(what, choose);
    const isRefused = attempt.kind === "refused";
    isDone = attempt.kind === "answer" || (isRefused && attempt.refusal.refusal === "noSuchBucket");
  }
}

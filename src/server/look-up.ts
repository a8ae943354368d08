import { type Ready, whenReady } from "../base/ready.ts";
import type { Rows } from "../engine/engine.ts";
import { bucketRowKey } from "../object/find-bucket.ts";
import type { ProcessStore } from "../object/object-store.ts";
import type { Found, LookUp } from "../s3/call.ts";
import type { StoredAccessKeys } from "./access-keys.ts";

/** Reads at once whatever a request needs of the index before it is let in. */
export function createLookUp(
  store: Pick<ProcessStore, "keymap" | "bucketsDecoded">,
  accessKeys: StoredAccessKeys,
): LookUp {
  return (accessKeyId, bucketName) => {
    const keyOfCredential = accessKeyId === undefined ? undefined : accessKeys.rowKey(accessKeyId);
    const keys = keyOfCredential === undefined ? [] : [keyOfCredential];
    if (bucketName !== undefined) keys.push(bucketRowKey(bucketName));
    const rows: Ready<Rows> = keys.length === 0 ? [] : store.keymap.system.read(keys);
    return whenReady(rows, (found): Found => {
      const bucketRow = bucketName === undefined ? undefined : found.at(-1);
      const credentialRow = keyOfCredential === undefined ? undefined : found[0];
      return {
        credential:
          accessKeyId === undefined
            ? undefined
            : accessKeys.credentialOf(accessKeyId, credentialRow),
        bucket: bucketRow && store.bucketsDecoded.decode(bucketName ?? "", bucketRow),
      };
    });
  };
}

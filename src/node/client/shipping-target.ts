import type { AccessKey } from "../../auth/access-key.ts";
import { StoreError } from "../../base/errors.ts";
import { DirectoryTarget } from "../../control/shipping/directory-target.ts";
import type { Clock } from "../../platform/platform.ts";
import type { ShippingTarget } from "../../platform/shipping-target.ts";
import { keyOfVariables } from "../../server/root-credentials.ts";
import type { ShippingPlace } from "../../server/setting-values.ts";
import type { Settings } from "../../server/settings.ts";
import { openDisk } from "../disk/disk.ts";
import { BucketTarget } from "./bucket-target.ts";
import type { Trust } from "./server-call.ts";

/** The key of the bucket's server: a secret, so it is no setting that others can read. */
export const shippingKeyVariables = {
  accessKeyId: "HOLDFAST_SHIP_INDEX_ACCESS_KEY_ID",
  secretAccessKey: "HOLDFAST_SHIP_INDEX_SECRET_ACCESS_KEY",
} as const;

/** What a bucket is reached with; undefined for a directory. */
export interface ShippingAccess {
  readonly key: AccessKey;
  readonly trust: Trust;
}

/** StoreError `invalid`, with the fix, where a bucket is meant and there is no key for it. */
export function shippingAccessOf(
  place: ShippingPlace | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  trust: Trust,
): ShippingAccess | undefined {
  if (place?.kind !== "bucket") return undefined;
  const key = keyOfVariables(environment, shippingKeyVariables);
  if (key !== undefined) return { key, trust };
  const { accessKeyId, secretAccessKey } = shippingKeyVariables;
  const fix = `set ${accessKeyId} and ${secretAccessKey}`;
  throw new StoreError("invalid", `there is no key for s3://${place.bucket}: ${fix}`);
}

export function openShippingTarget(
  clock: Clock,
  place: ShippingPlace,
  settings: Pick<Settings, "ship-index-endpoint" | "ship-index-region">,
  access: ShippingAccess | undefined,
): ShippingTarget {
  if (place.kind === "directory") return new DirectoryTarget(openDisk(place.path));
  if (access === undefined) throw new StoreError("invalid", "there is no key for the bucket");
  const region = settings["ship-index-region"];
  const endpoint = settings["ship-index-endpoint"] || `https://s3.${region}.amazonaws.com`;
  const { key, trust } = access;
  const { bucket, prefix } = place;
  return new BucketTarget({ clock, endpoint, bucket, prefix, identity: { ...key, region }, trust });
}

import { getConfiguration, setConfiguration } from "../object/bucket/configurations.ts";
import { granted, type Operation, permit, xmlResponse } from "./call.ts";
import { S3Error, type S3ErrorCode } from "./errors.ts";
import { withBody } from "./request/body.ts";

/** A sub-resource of buckets that is kept as the document that S3 shows of it. */
export interface BucketConfiguration {
  /** The name under which it is stored; it must never change. */
  readonly name: string;
  /** A longer document is refused. */
  readonly bytesMax: number;
  /** What S3 says where nothing is set. */
  readonly unset: S3ErrorCode;
  /**
   * What to keep of a document that was sent: undefined where it is as if it was deleted. Throws
   * what S3 says of a wrong one.
   */
  accept(body: Uint8Array): Uint8Array | undefined;
}

/** The operations on a configuration, as far as they are built. */
export interface ConfigurationOperations {
  readonly read?: Operation;
  readonly write?: Operation;
  readonly remove?: Operation;
}

export function readOf(configuration: BucketConfiguration, action: string): Operation {
  const { name, unset } = configuration;
  return async (call) => {
    const { bucket } = call.target;
    const found = await permit(call, action, { bucket });
    const kept = await getConfiguration(call.objects, { bucket: found, name });
    const { document } = granted(kept, { bucket });
    if (document === undefined) throw new S3Error(unset, { details: { BucketName: bucket } });
    return xmlResponse(document);
  };
}

/** @param status 200 or 204: S3 has both. */
export function writeOf(
  configuration: BucketConfiguration,
  action: string,
  status: 200 | 204,
): Operation {
  const { name, bytesMax } = configuration;
  return async (call) => {
    const { bucket } = call.target;
    const found = await permit(call, action, { bucket });
    const address = { bucket: found, name };
    const done = await withBody(call, bytesMax, async (body) => {
      return setConfiguration(call.objects, address, configuration.accept(body));
    });
    granted(done, { bucket });
    return { status, headers: [] };
  };
}

export function removalOf({ name }: BucketConfiguration, action: string): Operation {
  return async (call) => {
    const { bucket } = call.target;
    const found = await permit(call, action, { bucket });
    granted(await setConfiguration(call.objects, { bucket: found, name }, undefined), { bucket });
    return { status: 204, headers: [] };
  };
}

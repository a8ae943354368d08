import { putObject as storeObject } from "../../object/write/put.ts";
import { type Operation, granted, permit } from "../call.ts";
import { parseWriteCondition } from "../request/condition-headers.ts";
import { parseObjectAttributes } from "../request/object-attributes.ts";
import { storedObjectHeaders } from "../response/object-response.ts";
import { openUpload } from "../request/body.ts";
import { refuseVersion } from "../request/object-parameters.ts";

export const putObject: Operation = async (call) => {
  const { bucket, key } = call.target;
  const permission = permit(call, "s3:PutObject", { bucket, key });
  const owned = permission instanceof Promise ? await permission : permission;
  refuseVersion(call);
  const condition = parseWriteCondition(call.headers);
  const isChunked = call.verified.payload.kind === "framed";
  const attributes = parseObjectAttributes(call.headers, owned, isChunked);
  if (attributes.tags.length > 0) await permit(call, "s3:PutObjectTagging", { bucket, key });
  const incoming = openUpload(call, undefined);
  const input = { bucket: owned, key, attributes, condition, incoming };
  const stored = granted(await storeObject(call.objects, input), { bucket, key });
  return { status: 200, headers: storedObjectHeaders(stored) };
};

import { deleteObject as removeObject } from "../../object/delete.ts";
import { type Operation, granted, permit } from "../call.ts";
import { parseDeleteCondition } from "../condition-headers.ts";
import { checkVersionId } from "../object-parameters.ts";

export const deleteObject: Operation = async (call) => {
  const { bucket, key, query } = call.target;
  const version = query.get("versionId");
  const action = version === undefined ? "s3:DeleteObject" : "s3:DeleteObjectVersion";
  await permit(call, action, { bucket, key });
  checkVersionId(version);
  const condition = parseDeleteCondition(call.headers);
  granted(await removeObject(call.objects, { bucket, key, condition }), { bucket, key });
  return { status: 204, headers: [] };
};

import { type Deleted, deleteObject as removeObject } from "../../object/write/delete.ts";
import type { HeaderList } from "../../platform/http.ts";
import { type Operation, granted, permit } from "../call.ts";
import { parseDeleteCondition } from "../request/condition-headers.ts";
import { parseVersion, versionAction, versionHeaders } from "../request/versions.ts";

export const deleteObject: Operation = async (call) => {
  const { bucket, key } = call.target;
  const found = await permit(call, versionAction("s3:DeleteObject", call), { bucket, key });
  const version = parseVersion(call, found);
  const condition = parseDeleteCondition(call.headers);
  const input = { bucket, key, version, condition };
  const deleted = granted(await removeObject(call.objects, input), { bucket, key });
  return { status: 204, headers: headersOf(deleted) };
};

function headersOf({ versionId, deleteMarker }: Deleted): HeaderList {
  const marker: HeaderList = deleteMarker ? [["x-amz-delete-marker", "true"]] : [];
  return [...marker, ...versionHeaders(versionId)];
}

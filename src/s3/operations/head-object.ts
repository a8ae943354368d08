import { headObject as readHead } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { Operation } from "../call.ts";
import { objectHeaders } from "../response/object-response.ts";
import { openRead, refusedRead } from "../response/object-read.ts";

export const headObject: Operation = async (call) => {
  const info = await readHead(call.objects, await openRead(call));
  if (isRefusal(info)) return refusedRead(info, call);
  return { status: info.partial ? 206 : 200, headers: objectHeaders(call, info) };
};

import { getObject as readObject } from "../../object/read/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import type { Operation } from "../call.ts";
import { objectHeaders } from "../response/object-response.ts";
import { openRead, refusedRead } from "../response/object-read.ts";

export const getObject: Operation = async (call) => {
  const input = await openRead(call);
  const read = await readObject(call.objects, input);
  if (isRefusal(read)) return refusedRead(read, call);
  return {
    status: read.partial ? 206 : 200,
    headers: objectHeaders(call, read),
    body: await read.body.begin(),
  };
};

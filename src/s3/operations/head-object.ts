import { headObject as readHead } from "../../object/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, permit } from "../call.ts";
import { objectHeaders } from "../object-response.ts";
import { parseGetInput, refusedRead } from "../object-read.ts";

export const headObject: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:GetObject", { bucket, key });
  const info = await readHead(call.objects, parseGetInput(call));
  if (isRefusal(info)) return refusedRead(info, call);
  return { status: info.partial ? 206 : 200, headers: objectHeaders(call, info) };
};

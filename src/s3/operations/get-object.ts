import { leastBytesMax } from "../../object/answer-budget.ts";
import { getObject as readObject } from "../../object/get.ts";
import { isRefusal } from "../../object/refusal.ts";
import { type Operation, permit } from "../call.ts";
import { objectHeaders } from "../object-response.ts";
import { parseGetInput, refusedRead } from "../object-read.ts";

export const getObject: Operation = async (call) => {
  const { bucket, key } = call.target;
  await permit(call, "s3:GetObject", { bucket, key });
  const input = parseGetInput(call);
  const read = await readObject(call.objects, input);
  if (isRefusal(read)) return refusedRead(read, call);
  return {
    status: read.partial ? 206 : 200,
    headers: objectHeaders(call, read),
    body: await begun(read.body, read.length),
  };
};

/**
 * With its first piece read and verified: where that fails there is still an error to answer, and
 * only what fails later has to break the connection. A small body is all there then; of a larger one
 * the budget has to know when it has left.
 */
async function begun(
  body: AsyncIterable<Uint8Array>,
  length: number,
): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
  const pieces = body[Symbol.asyncIterator]();
  const first = await pieces.next();
  const isSmall = length <= leastBytesMax && first.value?.length === length;
  if (first.done === true || !isSmall) return continued(first, pieces);
  await pieces.return?.();
  return first.value;
}

async function* continued(
  first: IteratorResult<Uint8Array>,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    for (let next = first; next.done !== true; next = await pieces.next()) yield next.value;
  } finally {
    await pieces.return?.();
  }
}

import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { askAdmin, connectionFlags, connectionOf } from "./connection.ts";
import { keysPath } from "./shown-key.ts";

export const keyDelete: Command = {
  name: "key delete",
  summary: "delete an access key; from then on it is refused",
  usage: "key delete ID",
  operands: ["ID"],
  flags: [...connectionFlags, { name: "json", help: "as one line of JSON" }],
  run: runKeyDelete,
};

async function runKeyDelete(given: GivenFlags): Promise<number> {
  const [accessKeyId = ""] = given.operands;
  const target = `${keysPath}/${encodeURIComponent(accessKeyId)}`;
  await askAdmin(connectionOf(given), { method: "DELETE", target });
  const said = `Access key ${accessKeyId} is deleted; its owner and their buckets stay.`;
  console.log(given.flags.has("json") ? JSON.stringify({ deleted: accessKeyId }) : said);
  return exitStatus.ok;
}

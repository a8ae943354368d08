import { columns } from "./columns.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { askAdmin, type Connection, connectionFlags, connectionOf } from "./connection.ts";
import { type ShownKey, keysPath } from "./shown-key.ts";

export const keyList: Command = {
  name: "key list",
  summary: "list access keys and their owners",
  usage: "key list [--json]",
  flags: [...connectionFlags, { name: "json", help: "as one line of JSON" }],
  run: runKeyList,
};

async function runKeyList(given: GivenFlags): Promise<number> {
  const keys = await readKeys(connectionOf(given));
  if (given.flags.has("json")) {
    console.log(JSON.stringify({ keys }));
    return exitStatus.ok;
  }
  if (keys.length === 0) {
    console.log("There is the root's key only. Make another: holdfast key create --owner NAME");
    return exitStatus.ok;
  }
  const rows = keys.map(({ accessKeyId, owner, account, created, state }) => {
    return [accessKeyId, owner, account, created.slice(0, 19).replace("T", " "), state];
  });
  for (const line of columns([["ACCESS KEY", "OWNER", "ACCOUNT", "CREATED", "STATE"], ...rows])) {
    console.log(line);
  }
  return exitStatus.ok;
}

async function readKeys(connection: Connection): Promise<readonly ShownKey[]> {
  const keys: ShownKey[] = [];
  for (;;) {
    const last = keys.at(-1)?.accessKeyId;
    const after = last === undefined ? "" : `?after=${encodeURIComponent(last)}`;
    const answer = await askAdmin(connection, { method: "GET", target: keysPath + after });
    const page = answer as { keys: readonly ShownKey[]; more: boolean }; // the server's answer
    keys.push(...page.keys);
    if (!page.more) return keys;
  }
}

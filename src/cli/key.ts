import { readFileSync } from "node:fs";
import { messageOf, StoreError } from "../base/errors.ts";
import { columns, type Command, exitStatus, type GivenFlags } from "./command.ts";
import { askAdmin, type ServerConnection, connectionFlags, connectionOf } from "./connection.ts";

/** Where the server has its access keys. */
export const keysPath = "/-/keys";

/** An access key as the server shows it. */
export interface ShownKey {
  readonly accessKeyId: string;
  readonly owner: string;
  readonly account: string;
  readonly canonicalId: string;
  readonly created: string;
  readonly state: "active" | "inactive";
}

export const keyCreate: Command = {
  name: "key create",
  summary: "make an access key; its secret is shown once",
  usage: "key create [--owner NAME] [--access-key ID --secret-key-file FILE] [--json]",
  flags: [
    {
      name: "owner",
      value: "NAME",
      help: "owner of the key; keys of one owner share buckets (default: default)",
    },
    {
      name: "access-key",
      value: "ID",
      help: "use this id instead of a new one; needs --secret-key-file",
    },
    {
      name: "secret-key-file",
      value: "FILE",
      help: "file with the secret of that id; - for standard input",
    },
    ...connectionFlags,
    { name: "json", help: "print one line of JSON" },
  ],
  run: runKeyCreate,
};

async function runKeyCreate(given: GivenFlags): Promise<number> {
  const connection = await connectionOf(given);
  const { flags } = given;
  const value = { owner: flags.get("owner"), ...givenKey(flags) };
  const answer = await askAdmin(connection, { method: "POST", target: keysPath, value });
  const key = answer as ShownKey & { readonly secretAccessKey: string }; // the server's answer
  if (flags.has("json")) {
    console.log(JSON.stringify(key));
    return exitStatus.ok;
  }
  const rows = [
    ["Access key", key.accessKeyId],
    ["Secret key", `${key.secretAccessKey}   (shown this once)`],
    ["Owner", `${key.owner} (account ${key.account})`],
  ];
  for (const line of columns(rows)) console.log(line);
  return exitStatus.ok;
}

function givenKey(flags: ReadonlyMap<string, string>) {
  const accessKeyId = flags.get("access-key");
  const file = flags.get("secret-key-file");
  if (accessKeyId === undefined && file === undefined) return {};
  if (accessKeyId === undefined || file === undefined) {
    const message = "--access-key and --secret-key-file belong together: give both or neither";
    throw new StoreError("invalid", message);
  }
  return { accessKeyId, secretAccessKey: readSecret(file) };
}

/** Secrets are not taken from the command line: every process of the machine can read that. */
function readSecret(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8").trim();
  } catch (cause) {
    throw new StoreError("invalid", `--secret-key-file ${file}: ${messageOf(cause)}`, { cause });
  }
}

export const keyList: Command = {
  name: "key list",
  summary: "list access keys and their owners",
  usage: "key list [--json]",
  flags: [...connectionFlags, { name: "json", help: "print one line of JSON" }],
  run: runKeyList,
};

async function runKeyList(given: GivenFlags): Promise<number> {
  const keys = await readKeys(await connectionOf(given));
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

async function readKeys(connection: ServerConnection): Promise<readonly ShownKey[]> {
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

export const keyDelete: Command = {
  name: "key delete",
  summary: "delete an access key; from then on it is refused",
  usage: "key delete ID",
  operands: ["ID"],
  flags: [...connectionFlags, { name: "json", help: "print one line of JSON" }],
  run: runKeyDelete,
};

async function runKeyDelete(given: GivenFlags): Promise<number> {
  const [accessKeyId = ""] = given.operands;
  const target = `${keysPath}/${encodeURIComponent(accessKeyId)}`;
  await askAdmin(await connectionOf(given), { method: "DELETE", target });
  const said = `Access key ${accessKeyId} is deleted; its owner and their buckets stay.`;
  console.log(given.flags.has("json") ? JSON.stringify({ deleted: accessKeyId }) : said);
  return exitStatus.ok;
}

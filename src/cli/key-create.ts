import { readFileSync } from "node:fs";
import { messageOf, StoreError } from "../base/errors.ts";
import { columns } from "./columns.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { askAdmin, connectionFlags, connectionOf } from "./connection.ts";
import { type ShownKey, keysPath } from "./shown-key.ts";

export const keyCreate: Command = {
  name: "key create",
  summary: "make an access key; its secret is shown once",
  usage: "key create [--owner NAME] [--access-key ID --secret-key-file FILE] [--json]",
  flags: [
    {
      name: "owner",
      value: "NAME",
      help: "whose key it is; keys of one owner share buckets (default: default)",
    },
    { name: "access-key", value: "ID", help: "an id of your own, together with its secret" },
    { name: "secret-key-file", value: "FILE", help: "holds that secret; - for standard input" },
    ...connectionFlags,
    { name: "json", help: "as one line of JSON" },
  ],
  run: runKeyCreate,
};

async function runKeyCreate(given: GivenFlags): Promise<number> {
  const connection = connectionOf(given);
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

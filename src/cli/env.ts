import { resolve } from "node:path";
import { StoreError } from "../base/errors.ts";
import { type Command, exitStatus, type GivenFlags } from "./command.ts";
import { connectionFlags, connectionOf, keyFix } from "./connection.ts";

export const env: Command = {
  name: "env",
  summary: 'print the variables that point S3 clients at this store: eval "$(holdfast env)"',
  usage: "env [--data DIR] [--endpoint URL] [--json]",
  flags: [...connectionFlags, { name: "json", help: "print one line of JSON" }],
  run: runEnv,
};

/**
 * Variables that clients would use in place of these, or mix with them: other credentials, another
 * endpoint.
 */
const unset = [
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_SESSION_TOKEN",
  "AWS_ENDPOINT_URL_S3",
  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
];

async function runEnv(given: GivenFlags): Promise<number> {
  const { endpoint, region, key } = await connectionOf(given);
  if (key === undefined) throw new StoreError("invalid", `there is no key to print: ${keyFix}`);
  const bundle = given.flags.get("ca") ?? given.flags.get("tls-cert");
  const variables = {
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
    ...(bundle !== undefined && { AWS_CA_BUNDLE: resolve(bundle) }),
  };
  if (given.flags.has("json")) console.log(JSON.stringify(variables));
  else {
    console.log(`unset ${unset.join(" ")}`);
    for (const [name, value] of Object.entries(variables)) {
      console.log(`export ${name}=${shellWord(value)}`);
    }
  }
  return exitStatus.ok;
}

/** A word for a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

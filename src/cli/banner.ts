import { resolve } from "node:path";
import type { FoundRootKey } from "../node/store/root-key-file.ts";
import type { Settings } from "../server/settings.ts";
import { localEndpoint } from "./connection.ts";

export interface Served {
  readonly settings: Settings;
  readonly port: number;
  readonly rootKey: FoundRootKey;
}

/** The line of JSON that says the server is ready. It never holds the secret: it names the file that does. */
export function readyEvent({ settings, port, rootKey }: Served): object {
  const { listen, region } = settings;
  return {
    event: "ready",
    endpoint: localEndpoint({ ...listen, port }, settings["tls-cert"] !== ""),
    port,
    region,
    accessKeyId: rootKey.key.accessKeyId,
    ...(rootKey.from === "environment" ? {} : { credentialsFile: rootKey.path }),
    pid: process.pid,
  };
}

/**
 * What `serve` prints once it is ready. A new secret is printed on a terminal only: what is redirected ends in files and
 * logs that others read. The lines to try can be pasted in any folder, and again after each start: they upload one line
 * of text and nothing of the folder they are pasted in.
 */
export function banner(served: Served, isTerminal: boolean): string {
  const { settings, port, rootKey } = served;
  const isSecure = settings["tls-cert"] !== "";
  const endpoint = localEndpoint({ ...settings.listen, port }, isSecure);
  return `
Holdfast serves ${settings.data.join(", ")}

  Endpoint    ${endpoint}
  Region      ${settings.region}
  Access key  ${rootKey.key.accessKeyId}
  Secret key  ${secretText(rootKey, isTerminal)}

Try it with the AWS CLI, in another terminal:

  ${environmentLine(settings, endpoint, isSecure)}
  aws s3 mb s3://first
  echo "Hello from Holdfast" | aws s3 cp - s3://first/hello.txt
  aws s3 cp s3://first/hello.txt -
`;
}

function secretText({ key, from, path }: FoundRootKey, isTerminal: boolean): string {
  if (from === "environment") return "as given in HOLDFAST_ROOT_SECRET_ACCESS_KEY";
  if (from === "file" || !isTerminal) return `in ${path}`;
  return `${key.secretAccessKey}   (shown this once; kept in ${path})`;
}

/** Sets the variables of S3 clients in a shell, whatever folder it is in. */
function environmentLine(settings: Settings, endpoint: string, isSecure: boolean): string {
  const program = resolve(import.meta.dirname, "../../bin/holdfast.js");
  const words = [program, "env", "--data", resolve(settings.data[0] ?? ""), "--endpoint", endpoint];
  words.push("--region", settings.region);
  if (isSecure) words.push("--tls-cert", resolve(settings["tls-cert"]));
  return `eval "$(${words.map(shellWord).join(" ")})"`;
}

/** A word for a POSIX shell. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

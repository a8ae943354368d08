import { resolve } from "node:path";
import { type HoldfastServer, rootKey } from "../acceptance/holdfast-server.ts";
import { runToEnd } from "../../tools/run-to-end.ts";

const cli = resolve(import.meta.dirname, "../../bin/holdfast.js");

interface CreatedKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly canonicalId: string;
}

/** The suite's configuration, with an access key for each of its users. */
export async function suiteConfiguration(server: HoldfastServer): Promise<string> {
  const { hostname, port } = new URL(server.endpoint);
  const lines = [
    ...section("DEFAULT", { host: hostname, port, is_secure: "False", ssl_verify: "False" }),
    ...section("fixtures", {
      "bucket prefix": "holdfast-{random}-",
      "iam name prefix": "holdfast-",
      "iam path prefix": "/holdfast/",
    }),
  ];
  for (const user of ["main", "alt", "tenant"]) {
    const key = await createKey(server, user);
    lines.push(
      ...section(`s3 ${user}`, {
        display_name: user,
        email: `${user}@example.com`,
        user_id: key.canonicalId,
        access_key: key.accessKeyId,
        secret_key: key.secretAccessKey,
        ...(user === "tenant" ? { tenant: "tenant" } : {}),
      }),
    );
  }
  // It reads these whatever it runs.
  for (const user of ["iam", "iam root", "iam alt root"]) {
    const nobody = { user_id: "none", access_key: "none", secret_key: "none" };
    lines.push(...section(user, { display_name: user, email: "none@example.com", ...nobody }));
  }
  return lines.join("\n");
}

function section(name: string, values: Readonly<Record<string, string>>): string[] {
  return [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key} = ${value}`), ""];
}

async function createKey(server: HoldfastServer, owner: string): Promise<CreatedKey> {
  const parameters = ["key", "create", "--owner", owner, "--endpoint", server.endpoint, "--json"];
  const { code, output } = await runToEnd(process.execPath, [cli, ...parameters], {
    env: {
      ...process.env,
      HOLDFAST_ROOT_ACCESS_KEY_ID: rootKey.accessKeyId,
      HOLDFAST_ROOT_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
    },
  });
  if (code !== 0) throw new Error(`holdfast key create exited with ${code}:\n${output}`);
  return JSON.parse(output) as CreatedKey; // our own output
}

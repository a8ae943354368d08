import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createHmac } from "node:crypto";
import assert from "node:assert/strict";
import { region, rootKey } from "../holdfast-server.ts";
import { type Client, run, versionOf } from "./client.ts";
import { writeLargeFile } from "./sample-tree.ts";

/** The fields that sign a POST form by Signature V4. */
function signedPolicy(conditions: readonly unknown[]): Record<string, string> {
  const now = new Date();
  const date = now.toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const day = date.slice(0, 8);
  const fields = {
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": `${rootKey.accessKeyId}/${day}/${region}/s3/aws4_request`,
    "x-amz-date": date,
  };
  const all = [
    ...conditions,
    ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
  ];
  const expiration = new Date(now.getTime() + 60_000).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions: all })).toString("base64");
  let key: string | Buffer = `AWS4${rootKey.secretAccessKey}`;
  for (const part of [day, region, "s3", "aws4_request", policy]) {
    key = createHmac("sha256", key).update(part).digest();
  }
  return { ...fields, policy, "x-amz-signature": key.toString("hex") };
}

export const curl: Client = {
  name: "curl",
  version: () => versionOf("curl", "--version"),
  install: "apt-get install curl",
  cases: (bench) => {
    const { endpoint } = bench.server;
    const curl = (...parameters: string[]): Promise<string> =>
      run("curl", ["--silent", "--show-error", "--max-time", "60", ...parameters]);
    const signed = (...parameters: string[]): Promise<string> =>
      curl(
        "--aws-sigv4",
        `aws:amz:${region}:s3`,
        "--user",
        `${rootKey.accessKeyId}:${rootKey.secretAccessKey}`,
        "--fail-with-body",
        // curl before 8 does not send it by itself, and S3 wants it.
        "-H",
        "x-amz-content-sha256: UNSIGNED-PAYLOAD",
        ...parameters,
      );
    return [
      {
        name: "signed by curl itself: PUT with Expect: 100-continue, ranged and conditional GET, DELETE",
        run: async () => {
          const folder = await bench.scratch("curl");
          const [file, back] = [join(folder, "file"), join(folder, "back")];
          await writeLargeFile(file, 3 << 20);
          await signed("-X", "PUT", `${endpoint}/curl`);
          const object = `${endpoint}/curl/a/file`;
          await signed("-H", "Expect: 100-continue", "-T", file, object);
          await signed("-o", back, object);
          await run("cmp", [file, back]);
          await signed("-o", back, "-r", "1000000-1999999", object);
          const whole = await readFile(file);
          assert.ok(whole.subarray(1_000_000, 2_000_000).equals(await readFile(back)));
          const etag = /etag: (".*")/i.exec(await signed("-I", object))?.[1] ?? "";
          const code = ["-o", "/dev/null", "-w", "%{http_code}"];
          assert.equal(await signed(...code, "-H", `If-None-Match: ${etag}`, object), "304");
          await signed("-X", "DELETE", object);
          await signed("-X", "DELETE", `${endpoint}/curl`);
          return "";
        },
      },
      {
        name: "a POST form with a policy, as a browser sends it; refused where the policy is not met",
        run: async () => {
          const file = join(await bench.scratch("curl"), "photo.txt");
          await writeFile(file, "posted by a form");
          await signed("-X", "PUT", `${endpoint}/curl-form`);
          const conditions = [{ bucket: "curl-form" }, ["starts-with", "$key", "up/"]];
          const post = (key: string): Promise<string> => {
            const fields = { key, ...signedPolicy(conditions) };
            const form = Object.entries(fields).flatMap(([k, v]) => ["--form-string", `${k}=${v}`]);
            const code = ["-w", "%{http_code}", "-o", "/dev/null"];
            return curl(...code, ...form, "-F", `file=@${file}`, `${endpoint}/curl-form`);
          };
          assert.equal(await post("up/${filename}"), "204");
          assert.equal(await signed(`${endpoint}/curl-form/up/photo.txt`), "posted by a form");
          assert.equal(await post("elsewhere/${filename}"), "403");
          return "";
        },
      },
    ];
  },
};

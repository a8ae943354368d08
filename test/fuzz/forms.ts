import { deriveSigningKey } from "../../src/auth/signature-v4.ts";
import { formatTimestamp } from "../../src/auth/request-time.ts";
import type { SeededRandom } from "../../src/platform/seeded-random.ts";
import { region, rootKey } from "../acceptance/holdfast-server.ts";
import type { Draft } from "./draft.ts";
import { oddTexts } from "./oddities.ts";
import { hash } from "./wire.ts";

const boundary = "----fuzz7MA4YWxk";

/** Fields that a policy must allow, with what is odd in them. */
const oddFields: readonly (readonly [name: string, value: string])[] = [
  ["success_action_status", "201"],
  ["success_action_status", "99999"],
  ["success_action_redirect", "http://a.example/?b=c#d"],
  ["success_action_redirect", "http://a.example/\r\nX-Evil: 1"],
  ["success_action_redirect", "http://[::1"],
  ["redirect", "javascript:alert(1)"],
  ["Content-Type", "text/html; charset=ü"],
  ["Content-Type", "€"],
  ["Content-Disposition", "a\r\nX-Evil: 1"],
  ["Cache-Control", "\0"],
  ["Expires", "\u{1F600}"],
  ["x-amz-meta-a", "€\r\nX-Evil: 1"],
  ["x-amz-meta-ü", "1"],
  ["x-amz-meta-a b", "1"],
  ["x-amz-meta-", "1"],
  ["x-amz-meta-a\u0000", "\u0001"],
  ["x-amz-storage-class", "€"],
  ["tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"],
  ["tagging", "<a>"],
  ["acl", "private"],
  ["x-ignore-a", "€"],
  ["__proto__", "1"],
];

const oddFormKeys = [
  "form/${filename}",
  "form/\u0000",
  "form/€/\r\n",
  "form/%00%zz",
  "form/\ufffe",
  "form//..//",
  `form/${"€".repeat(400)}`,
];

/** A form under a policy that allows everything, valid unless it has an odd field. */
export function formDraft(random: SeededRandom, bucket: string, file: Buffer): Draft {
  const isOdd = random.chance(0.5);
  const key = isOdd && random.chance(0.3) ? random.pick(oddFormKeys) : `form/${random.below(4)}`;
  const odd = isOdd ? [random.pick(oddFields), random.pick(oddFields)] : [];
  const own: [string, string][] = [
    ["key", key],
    ...odd.map(([name, value]): [string, string] => [name, value]),
  ];
  if (isOdd && random.chance(0.2)) own.push(["x-amz-meta-odd", random.pick(oddTexts)]);
  const fields = [...own, ...signedFields(Date.now(), own)];
  const pieces = fields.map(([name, value]) => part(`name="${name}"`, Buffer.from(value)));
  const filename = isOdd ? random.pick(['a"b', "é€", "../../x", "", "a\0b"]) : "file";
  pieces.push(
    part(`name="file"; filename="${filename}"`, file),
    Buffer.from(`--${boundary}--\r\n`),
  );
  return {
    operation: "PostObject",
    method: "POST",
    path: `/${bucket}`,
    query: [],
    headers: [["content-type", `multipart/form-data; boundary=${boundary}`]],
    body: Buffer.concat(pieces),
    auth: "none",
    form: isOdd ? undefined : { key, file },
    faults: isOdd ? ["odd form"] : [],
  };
}

function part(disposition: string, bytes: Buffer): Buffer {
  const head = `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), bytes, Buffer.from("\r\n")]);
}

function signedFields(
  nowMs: number,
  own: readonly (readonly [string, string])[],
): [string, string][] {
  const timestamp = formatTimestamp(nowMs);
  const date = timestamp.slice(0, 8);
  const signing: [string, string][] = [
    ["x-amz-algorithm", "AWS4-HMAC-SHA256"],
    ["x-amz-credential", `${rootKey.accessKeyId}/${date}/${region}/s3/aws4_request`],
    ["x-amz-date", timestamp],
  ];
  const conditions = [...own, ...signing].map(([name]) => ["starts-with", `$${name}`, ""]);
  const expiration = new Date(nowMs + 3_600_000).toISOString();
  const document = JSON.stringify({
    expiration,
    conditions: [["starts-with", "$bucket", ""], ...conditions],
  });
  const policy = Buffer.from(document).toString("base64");
  const key = deriveSigningKey(hash, rootKey.secretAccessKey, { date, region });
  return [...signing, ["policy", policy], ["x-amz-signature", hash.hmacSha256Text(key, policy)]];
}

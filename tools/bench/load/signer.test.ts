import assert from "node:assert/strict";
import { test } from "node:test";
import { signRequest } from "../../../src/auth/sign.ts";
import {
  exampleIdentity,
  exampleTimeMs,
  exampleVerifier,
} from "../../../src/auth/testing/aws-examples.ts";
import type { HeaderList } from "../../../src/platform/http.ts";
import { createHash } from "../../../src/node/platform/hash.ts";
import {
  encodePart,
  encodeQuery,
  sha256Of,
  type ToSign,
  Signer,
  unsignedPayload,
} from "./signer.ts";
import { isRefusal } from "../../../src/base/refusal.ts";

const verifier = (nowMs: number) => exampleVerifier(createHash(), nowMs);
const plain: ToSign = {
  method: "GET",
  host: "store.example:9000",
  path: "/bucket/key",
  query: "",
  headers: [],
  contentSha256: unsignedPayload,
};

/** The request as a server reads it. */
function requestOf(head: string) {
  const [first = "", ...lines] = head.trimEnd().split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers = lines.map((line) => {
    const colon = line.indexOf(": ");
    return [line.slice(0, colon), line.slice(colon + 2)] as const;
  });
  return { method, target, headers };
}

const authorizationOf = (headers: HeaderList): string | undefined =>
  headers.find(([name]) => name === "authorization")?.[1];

test("signer: its signatures are those of src/auth, and the verifier accepts them", async () => {
  const signer = new Signer({ ...exampleIdentity, sessionToken: undefined });
  const awkward = "a b/ü!'()*~-._/+%&=?#/日本";
  const cases: ToSign[] = [
    plain,
    { ...plain, method: "PUT", contentSha256: sha256Of([Buffer.from("hello")]) },
    { ...plain, path: `/bucket/${awkward.split("/").map(encodePart).join("/")}` },
    { ...plain, query: encodeQuery({ "list-type": "2", prefix: awkward, delimiter: "/" }) },
    { ...plain, method: "POST", query: encodeQuery({ uploads: "" }) },
    {
      ...plain,
      headers: [
        ["range", "bytes=0-9"],
        ["content-md5", "abc="],
        ["x-amz-meta-a", "b"],
      ],
    },
  ];
  for (const parts of cases) {
    const request = requestOf(signer.sign(parts, exampleTimeMs));
    const result = await verifier(exampleTimeMs).verify(request);
    assert.ok(!isRefusal(result), JSON.stringify({ parts, result }));
    const headers = [...parts.headers, ["host", parts.host]] as const;
    const { contentSha256 } = parts;
    const options = { timeMs: exampleTimeMs, contentSha256 };
    const ours = signRequest(createHash(), exampleIdentity, { ...request, headers }, options);
    assert.equal(authorizationOf(request.headers), authorizationOf(ours.headers));
  }
});

test("signer: a session token is sent and signed", async () => {
  const signer = new Signer({ ...exampleIdentity, sessionToken: "a/token=" });
  const request = requestOf(signer.sign(plain, exampleTimeMs));
  assert.ok(
    request.headers.some(
      ([name, value]) => name === "x-amz-security-token" && value === "a/token=",
    ),
  );
  const signed = authorizationOf(request.headers) ?? "";
  assert.match(signed, /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,/);
});

test("signer: the key follows the day", async () => {
  const signer = new Signer({ ...exampleIdentity, sessionToken: undefined });
  for (const days of [0, 0.1, 1, 400]) {
    const nowMs = exampleTimeMs + days * 86_400_000;
    const result = await verifier(nowMs).verify(requestOf(signer.sign(plain, nowMs)));
    assert.ok(!isRefusal(result), `${days} days later`);
  }
});

test("signer: a changed request is refused", async () => {
  const signer = new Signer({ ...exampleIdentity, sessionToken: undefined });
  const request = requestOf(signer.sign(plain, exampleTimeMs));
  const changed = { ...request, target: "/bucket/another" };
  assert.ok(isRefusal(await verifier(exampleTimeMs).verify(changed)));
});

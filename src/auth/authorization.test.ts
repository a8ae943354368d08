import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthorizationHeaders } from "./authorization.ts";

const region = "us-east-1";
const credential = `Credential=AKID/20130524/${region}/s3/aws4_request`;
const client = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host;x-amz-date, `;

test("what was read of a client's header before makes no difference to the next one", () => {
  const headers = new AuthorizationHeaders(region);
  const values = [
    `${client}Signature=0a`,
    `${client}Signature=0b`,
    `${client}Signature= 0c `,
    `${client}Signature=0d, Other=1`,
    `${client}Signature=0e, XSignature=0f`,
    `${client}XSignature=1a`,
    `${client.replaceAll(", ", ",")}Signature=1b`,
    `AWS4-HMAC-SHA256 Signature=1c, SignedHeaders=host, ${credential}`,
    `${client}Signature=1d, Signature=1e`,
    `${client.replace("x-amz-date", "range")}Signature=1f`,
    `${client.replace(region, "eu-west-1")}Signature=2a`,
    client,
    "AWS4-HMAC-SHA256 ",
  ];
  for (const value of [...values, ...values.toReversed(), ...values]) {
    assert.deepEqual(headers.parse(value), new AuthorizationHeaders(region).parse(value), value);
  }
  const { signature } = headers.parse(values[1]!) as { signature: string }; // it is well-formed
  assert.equal(signature, "0b");
});

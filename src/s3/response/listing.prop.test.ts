import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareBytes, encodeUtf8 } from "../../base/bytes.ts";
import { createHash } from "../../node/platform/hash.ts";
import { decodeContinuationToken, encodeContinuationToken } from "./listing.ts";
import { percentDecodeText, percentEncodeKey } from "../request/text-encoding.ts";
import { type TestS3, createTestS3 } from "../testing/test-s3.ts";
import { childrenOf, childText, parseXml, type XmlNode } from "../xml/xml-read.ts";

const hash = createHash();

/** Short keys of characters that order, encoding and XML treat differently. */
const key = fc
  .array(
    fc.constantFrom("a", "b", "/", "é", "\uffee", "😀", " ", "+", "%", "&", "<", "\r", "\u0001"),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((characters) => characters.join(""));

const encodings = ["", "&encoding-type=url"] as const;

async function storeWith(keys: readonly string[]): Promise<TestS3> {
  const s3 = await createTestS3(hash);
  await s3.send({ method: "PUT", target: "/bucket" });
  for (const each of keys) {
    const target = `/bucket/${percentEncodeKey(encodeUtf8(each))}`;
    assert.equal((await s3.send({ method: "PUT", target })).status, 200);
  }
  return s3;
}

/** What a listing in pages of two yields, following its own tokens. */
async function listAll(s3: TestS3, query: string, next: string): Promise<string[]> {
  const found: string[] = [];
  const url = query.includes("encoding-type");
  const text = (node: XmlNode, name: string) => {
    const value = childText(node, name) ?? "";
    return url && name !== "NextContinuationToken" ? (percentDecodeText(value) ?? "") : value;
  };
  let more = "";
  for (let page = 0; page < 100; page++) {
    const answer = await s3.send({ method: "GET", target: `/bucket?${query}&max-keys=2${more}` });
    assert.equal(answer.status, 200, answer.text);
    const root = parseXml(answer.body, "ListBucketResult");
    const names = [
      ...childrenOf(root, "Contents").map((node) => text(node, "Key")),
      ...childrenOf(root, "CommonPrefixes").map((node) => text(node, "Prefix")),
    ];
    assert.ok(names.length <= 2);
    found.push(...names.sort((a, b) => compareBytes(encodeUtf8(a), encodeUtf8(b))));
    if (childText(root, "IsTruncated") === "false") return found;
    const name = next === "marker" ? "NextMarker" : "NextContinuationToken";
    more = `&${next}=${encodeURIComponent(text(root, name))}`;
  }
  return assert.fail("the listing never ends");
}

/** What S3 means by it, computed from all keys at once. */
function expected(keys: readonly string[], prefix: string): string[] {
  const names = keys
    .filter((each) => each.startsWith(prefix))
    .map((each) => {
      const slash = each.indexOf("/", prefix.length);
      return slash < 0 ? each : each.slice(0, slash + 1);
    });
  return [...new Set(names)].sort((a, b) => compareBytes(encodeUtf8(a), encodeUtf8(b)));
}

test("listing: pages neither skip nor repeat, in byte order, whatever the keys and the encoding", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(key, { minLength: 1, maxLength: 8 }),
      fc.constantFrom("", "a", "a/"),
      async (keys, prefix) => {
        const s3 = await storeWith(keys);
        for (const encoding of encodings) {
          const query = `delimiter=/&prefix=${prefix}${encoding}`;
          const v2 = await listAll(s3, `list-type=2&${query}`, "continuation-token");
          assert.deepEqual(v2, expected(keys, prefix));
          assert.deepEqual(await listAll(s3, query, "marker"), expected(keys, prefix));
        }
      },
    ),
    { numRuns: 25 },
  );
});

test("continuation tokens: lead back to where they were made, and nothing else is one", () => {
  fc.assert(
    fc.property(key, (text) => {
      const after = encodeUtf8(text);
      const token = encodeContinuationToken(after);
      assert.match(token, /^[\w-]+$/);
      assert.deepEqual(decodeContinuationToken(token), after);
    }),
  );
  for (const token of ["", "1", "2YQ", "1Y", "1_w", "1Y Q", "YQ"]) {
    assert.throws(() => decodeContinuationToken(token), /token/, token);
  }
});

test("percent encoding: undone by decoding, for any key", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.equal(percentDecodeText(percentEncodeKey(encodeUtf8(text))), text.toWellFormed());
    }),
  );
});

test("listing: what V1 repeats of the prefix reads the same decoded or not, and V2 encodes all of it", async () => {
  const s3 = await storeWith([]);
  const prefixOf = async (version: string, prefix: string): Promise<string> => {
    const query = `${version}encoding-type=url&prefix=${encodeURIComponent(prefix)}`;
    const answer = await s3.send({ method: "GET", target: `/bucket?${query}` });
    return childText(parseXml(answer.body, "ListBucketResult"), "Prefix") ?? "";
  };
  assert.equal(await prefixOf("", "a b/ü\n"), "a b/ü\n");
  assert.equal(await prefixOf("", "50%+\u0001\uffff"), "50%25%2B%01%EF%BF%BF");
  assert.equal(await prefixOf("list-type=2&", "a b/ü\n"), "a%20b/%C3%BC%0A");
});

import type { Hash } from "../../platform/hash.ts";
import type { HeaderList } from "../../platform/http.ts";
import type { Clock } from "../../platform/platform.ts";
import type { Credential } from "../access-key.ts";
import type { AuthRefusal } from "../auth-refusal.ts";
import type { Verified } from "../claim.ts";
import { presigningOf } from "../hoisted-headers.ts";
import { headOf, type SignedRequest, type SigningIdentity, signRequest } from "../sign.ts";
import { emptySha256 } from "../signature-v4.ts";
import { createRequestVerifier, verifyClaim } from "../verify-request.ts";

/**
 * The worked examples of S3's API reference (sigv4-header-based-auth, -query-string-auth,
 * -streaming, -trailers).
 */

export const exampleIdentity: SigningIdentity = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  region: "us-east-1",
};
export const exampleTimeMs = Date.UTC(2013, 4, 24);
export const exampleHost = "examplebucket.s3.amazonaws.com";

export interface SignedExample {
  readonly title: string;
  readonly request: SignedRequest;
  readonly contentSha256: string;
  readonly signature: string;
}

const host = ["host", exampleHost] as const;

export const headerExamples: readonly SignedExample[] = [
  {
    title: "GET object with a range",
    request: { method: "GET", target: "/test.txt", headers: [host, ["range", "bytes=0-9"]] },
    contentSha256: emptySha256,
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    title: "PUT object whose name needs escaping",
    request: {
      method: "PUT",
      target: "/test$file.text",
      headers: [
        host,
        ["date", "Fri, 24 May 2013 00:00:00 GMT"],
        ["x-amz-storage-class", "REDUCED_REDUNDANCY"],
      ],
    },
    contentSha256: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    title: "GET bucket lifecycle: a sub-resource without a value",
    request: { method: "GET", target: "/?lifecycle", headers: [host] },
    contentSha256: emptySha256,
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    title: "GET bucket: a listing",
    request: { method: "GET", target: "/?max-keys=2&prefix=J", headers: [host] },
    contentSha256: emptySha256,
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
];

export const presignedExample = {
  request: { method: "GET", target: "/test.txt", headers: [host] },
  expiresSeconds: 86_400,
  signature: "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
} as const;

/** 65 KiB of "a", in frames of 64 KiB and 1 KiB. */
export const framedExampleBytes = 66_560;

export const framedExample = {
  contentSha256: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  request: {
    method: "PUT",
    target: "/examplebucket/chunkObject.txt",
    headers: [
      ["host", "s3.amazonaws.com"],
      ["x-amz-storage-class", "REDUCED_REDUNDANCY"],
      ["content-encoding", "aws-chunked"],
      ["x-amz-decoded-content-length", String(framedExampleBytes)],
      ["content-length", "66824"],
    ],
  },
  seedSignature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
  frameSignatures: [
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
  ],
} as const;

export const trailerExample = {
  contentSha256: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  request: {
    method: "PUT",
    target: "/examplebucket/chunkObject.txt",
    headers: [
      ["host", "s3.amazonaws.com"],
      ["x-amz-storage-class", "REDUCED_REDUNDANCY"],
      ["content-encoding", "aws-chunked"],
      ["x-amz-decoded-content-length", String(framedExampleBytes)],
      ["x-amz-trailer", "x-amz-checksum-crc32c"],
    ],
  },
  seedSignature: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
  frameSignatures: [
    "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
  ],
  trailer: ["x-amz-checksum-crc32c", "sOO8/Q=="],
  trailerSignature: "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435",
} as const;

export const exampleCredential: Credential = {
  accessKeyId: exampleIdentity.accessKeyId,
  secretAccessKey: exampleIdentity.secretAccessKey,
  principal: { owner: "owner", account: "account", name: "root", root: true },
};

/** Knows the example's key alone; its clock stands still. */
export function exampleVerifier(
  hash: Hash,
  nowMs = exampleTimeMs,
  acceptsV2 = true,
): { verify(request: SignedRequest): Promise<Verified | AuthRefusal> } {
  const find = (accessKeyId: string): Credential | undefined =>
    accessKeyId === exampleCredential.accessKeyId ? exampleCredential : undefined;
  const verifier = createRequestVerifier({
    hash,
    clock: standingClock(nowMs),
    region: exampleIdentity.region,
    domains: ["s3.amazonaws.com"],
    acceptsV2,
  });
  return {
    verify(request) {
      const head = headOf(request);
      return verifyClaim(verifier.claim(head, presigningOf(head)), { find });
    },
  };
}

/** A request as it goes out, signed with the example's key at the example's time. */
export function signedExample(
  hash: Hash,
  request: SignedRequest,
  contentSha256: string,
): SignedRequest {
  const options = { timeMs: exampleTimeMs, contentSha256 };
  return { ...request, headers: signRequest(hash, exampleIdentity, request, options).headers };
}

/** The headers with one of them given another value, or taken away. */
export function withHeader(
  headers: HeaderList,
  name: string,
  value: string | undefined,
): HeaderList {
  const others = headers.filter(([each]) => each !== name);
  return value === undefined ? others : [...others, [name, value]];
}

function standingClock(nowMs: number): Clock {
  return {
    now: () => nowMs,
    monotonicMs: () => 0,
    sleep: () => Promise.resolve(),
    turn: () => Promise.resolve(),
  };
}

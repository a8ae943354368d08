import { framedPayloads } from "../../auth/payload.ts";
import { signRequest } from "../../auth/sign.ts";
import { encodeFrames } from "../../auth/testing/encode-frames.ts";
import { concatBytes, decodeUtf8, encodeUtf8 } from "../../base/bytes.ts";
import type { HeaderList } from "../../platform/http.ts";
import type { TestS3 } from "./test-s3.ts";
import { httpRequest } from "../../platform/testing/http-requests.ts";

export interface ChunkedPut {
  readonly mode: keyof typeof framedPayloads;
  readonly headers?: HeaderList;
  readonly trailers?: HeaderList;
  readonly body: string;
  /** Where it is not the body's. */
  readonly decodedLength?: number;
  /** The size of one chunk; if it is absent, the body is one chunk. */
  readonly pieceBytes?: number;
  /** Changes the body as it travels. */
  readonly tamper?: (encoded: string) => string;
}

/**
 * PUT /bucket/k as SDKs send streams: `aws-chunked` within HTTP's own chunks, so without a
 * Content-Length.
 */
export async function putChunked(
  s3: TestS3,
  put: ChunkedPut,
): Promise<{
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
}> {
  const { hash, clock } = s3.store.platform;
  const body = encodeUtf8(put.body);
  const identity = { accessKeyId: "root", secretAccessKey: "secret", region: "us-east-1" };
  const sent: HeaderList = [
    ["host", "s3.test"],
    ["transfer-encoding", "chunked"],
    ["x-amz-decoded-content-length", String(put.decodedLength ?? body.length)],
    ...(put.headers ?? []),
  ];
  const request = { method: "PUT", target: "/bucket/k", headers: sent };
  const contentSha256 = framedPayloads[put.mode];
  const { headers, signing } = signRequest(hash, identity, request, {
    timeMs: clock.now(),
    contentSha256,
  });
  const trailers = put.trailers === undefined ? undefined : new Map(put.trailers);
  const encoding = {
    signing: put.mode === "unsignedWithTrailer" ? undefined : signing,
    trailers: put.mode === "signed" ? undefined : () => trailers ?? new Map<string, string>(),
  };
  const { pieceBytes = Math.max(1, body.length) } = put;
  const count = Math.ceil(body.length / pieceBytes);
  const cut = Array.from({ length: count }, (_, i) =>
    body.subarray(i * pieceBytes, (i + 1) * pieceBytes),
  );
  const encoded = concatBytes(await Array.fromAsync(encodeFrames(hash, cut, encoding)));
  const text = put.tamper === undefined ? encoded : encodeUtf8(put.tamper(decodeUtf8(encoded)));
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < text.length; at += 7) yield text.subarray(at, at + 7);
  }
  const response = await s3.handler(httpRequest({ ...request, headers, body: pieces() }));
  const answer = response.body instanceof Uint8Array ? decodeUtf8(response.body) : "";
  return { status: response.status, headers: new Map(response.headers), text: answer };
}

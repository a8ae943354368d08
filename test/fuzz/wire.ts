import { framedPayloads } from "../../src/auth/payload.ts";
import { headOf as signedHead, presignRequest, signRequest } from "../../src/auth/sign.ts";
import { signatureV2, stringToSignV2 } from "../../src/auth/signature-v2.ts";
import {
  type FrameSigning,
  frameStringToSign,
  trailerStringToSign,
} from "../../src/auth/signature-v4.ts";
import { toBase64, toHex } from "../../src/base/bytes.ts";
import { createHash } from "../../src/node/platform/hash.ts";
import { rootIdentity, rootKey } from "../acceptance/holdfast-server.ts";
import { type Auth, type Draft, targetOf } from "./draft.ts";

export const hash = createHash();

/** A signed request as it goes out, in the pieces that faults of the wire act on. */
export interface Wire {
  readonly method: string;
  target: string;
  headers: [name: string, value: string][];
  /** Chunks of `aws-chunked` bodies, or the body itself. */
  body: Buffer[];
  /** True if a digest of the body was signed: only the whole body can then be stored. */
  readonly bodySigned: boolean;
}

/** Signs as the draft says; a draft with texts that cannot be signed that way goes out unsigned. */
export function toWire(draft: Draft, host: string, timeMs: number): Wire {
  const headers: [string, string][] = [...draft.headers];
  if (!headers.some(([name]) => name === "host")) headers.unshift(["host", host]);
  const request = { method: draft.method, target: targetOf(draft), headers };
  const length: [string, string][] =
    draft.body.length > 0 || draft.method === "PUT" || draft.method === "POST"
      ? [["content-length", String(draft.body.length)]]
      : [];
  const plain = { method: draft.method, target: request.target, body: [draft.body] };
  switch (draft.auth) {
    case "none":
      return { ...plain, headers: [...headers, ...length], bodySigned: false };
    case "presigned": {
      const target = presignRequest(hash, rootIdentity, request, { timeMs, expiresSeconds: 600 });
      return { ...plain, target, headers: [...headers, ...length], bodySigned: false };
    }
    case "v2": {
      const dated: [string, string][] = [
        ...headers,
        ["x-amz-date", new Date(timeMs).toUTCString()],
      ];
      const text = stringToSignV2(signedHead({ ...request, headers: dated }), {
        date: "",
        bucket: undefined,
      });
      const signature = signatureV2(hash, rootKey.secretAccessKey, text);
      const authorization = `AWS ${rootKey.accessKeyId}:${signature}`;
      const all: [string, string][] = [...dated, ["authorization", authorization], ...length];
      return { ...plain, headers: all, bodySigned: false };
    }
    case "signed":
    case "unsigned-payload": {
      const signed = draft.auth === "signed";
      const contentSha256 = signed ? toHex(hash.digest("sha256", draft.body)) : "UNSIGNED-PAYLOAD";
      const head = signRequest(hash, rootIdentity, request, { timeMs, contentSha256 });
      const all = [...head.headers.map(([n, v]): [string, string] => [n, v]), ...length];
      return { ...plain, headers: all, bodySigned: signed };
    }
    case "chunks-signed":
    case "chunks-signed-trailer":
    case "chunks-trailer":
      return chunkedWire(draft, draft.auth, request, timeMs);
  }
}

const modes: Readonly<Partial<Record<Auth, string>>> = {
  "chunks-signed": framedPayloads.signed,
  "chunks-signed-trailer": framedPayloads.signedWithTrailer,
  "chunks-trailer": framedPayloads.unsignedWithTrailer,
};

function chunkedWire(
  draft: Draft,
  auth: Auth,
  request: { method: string; target: string; headers: [string, string][] },
  timeMs: number,
): Wire {
  const contentSha256 = modes[auth] ?? "";
  const hasTrailer = auth !== "chunks-signed";
  const headers: [string, string][] = [
    ...request.headers,
    ["x-amz-decoded-content-length", String(draft.body.length)],
    ...(hasTrailer ? [["x-amz-trailer", "x-amz-checksum-crc32"] as [string, string]] : []),
  ];
  const head = signRequest(hash, rootIdentity, { ...request, headers }, { timeMs, contentSha256 });
  const signing = auth === "chunks-trailer" ? undefined : head.signing;
  const body = awsChunks(draft.body, signing, hasTrailer);
  const bytes = body.reduce((sum, piece) => sum + piece.length, 0);
  const all = head.headers.map(([n, v]): [string, string] => [n, v]);
  all.push(["content-length", String(bytes)]);
  return { ...request, headers: all, body, bodySigned: true };
}

/** One chunk a piece, then the last one with the trailer. */
function awsChunks(body: Buffer, signing: FrameSigning | undefined, hasTrailer: boolean): Buffer[] {
  let previousSignature = signing?.seedSignature ?? "";
  const line = (bytes: Buffer): string => {
    const size = bytes.length.toString(16);
    if (signing === undefined) return `${size}\r\n`;
    const sha256 = hash.digest("sha256", bytes);
    const stringToSign = frameStringToSign(signing, { previousSignature, sha256 });
    previousSignature = hash.hmacSha256Text(signing.key, stringToSign);
    return `${size};chunk-signature=${previousSignature}\r\n`;
  };
  const pieces: Buffer[] = [];
  const chunkBytes = 8192;
  for (let at = 0; at < body.length; at += chunkBytes) {
    const bytes = body.subarray(at, at + chunkBytes);
    pieces.push(Buffer.concat([Buffer.from(line(bytes)), bytes, Buffer.from("\r\n")]));
  }
  let end = line(Buffer.alloc(0));
  if (hasTrailer) {
    const trailers = new Map([["x-amz-checksum-crc32", toBase64(hash.digest("crc32", body))]]);
    for (const [name, value] of trailers) end += `${name}:${value}\r\n`;
    if (signing !== undefined) {
      const stringToSign = trailerStringToSign(hash, signing, { previousSignature, trailers });
      const signature = hash.hmacSha256Text(signing.key, stringToSign);
      end += `x-amz-trailer-signature:${signature}\r\n`;
    }
  }
  pieces.push(Buffer.from(`${end}\r\n`));
  return pieces;
}

export function headOf({ method, target, headers }: Wire): Buffer {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, "latin1");
}

import { createHash } from "../../src/node/hash.ts";
import { signRequest } from "../../src/auth/sign.ts";
import { region, rootKey } from "../acceptance/holdfast-server.ts";

const hash = createHash();

/** A whole request as bytes: signed over its payload, ready to be sent within 15 minutes. */
export function signedRequest(request: {
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer | undefined;
}): Buffer {
  const { host, method, path, body = Buffer.alloc(0) } = request;
  const contentSha256 = hash.digest("sha256", body).toHex();
  const headers = [
    ["host", host],
    ["content-length", String(body.length)],
  ] as const;
  const signed = signRequest(
    hash,
    { ...rootKey, region },
    { method, target: path, headers },
    {
      timeMs: Date.now(),
      contentSha256,
    },
  );
  const lines = signed.headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`), body]);
}

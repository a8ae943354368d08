import { signedHeaders } from "../../src/node/signed-fetch.ts";
import { region, rootKey } from "../acceptance/holdfast-server.ts";

/** A whole request as bytes: signed over its payload, ready to be sent within 15 minutes. */
export function signedRequest(request: {
  readonly host: string;
  readonly method: string;
  readonly path: string;
  readonly body: Buffer | undefined;
}): Buffer {
  const { host, method, path, body = Buffer.alloc(0) } = request;
  const signed = signedHeaders(host, { ...rootKey, region }, { method, target: path, body });
  const headers = [...signed, ["content-length", String(body.length)] as const];
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines}\r\n`), body]);
}

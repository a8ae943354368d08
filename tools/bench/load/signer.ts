import { createHash, createHmac, hash } from "node:crypto";

/*
 * Signature V4 as cheap as it gets, so that the server and not the load is what is measured: one
 * signing key a day, one timestamp a second, a digest and an HMAC a request. Targets come in
 * canonical form, so nothing is parsed or sorted here. All else in this repository signs by
 * src/auth/sign.ts, which cannot leave that out; signer.test.ts holds the two to the same answer.
 */

export interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
}

export const unsignedPayload = "UNSIGNED-PAYLOAD";

export interface ToSign {
  readonly method: string;
  readonly host: string;
  /** Percent-encoded as the canonical form has it. */
  readonly path: string;
  /** The query without the question mark; names and values encoded, in order of name. */
  readonly query: string;
  /** Names in lower case. All are signed. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The digest in hexadecimal, or `unsignedPayload`. */
  readonly contentSha256: string;
}

export class Signer {
  readonly #identity: Identity;
  #second = 0;
  #timestamp = "";
  #date = "";
  #key: Buffer = Buffer.alloc(0);

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** The lines of the request's head up to the empty one. */
  sign(request: ToSign, nowMs = Date.now()): string {
    this.#moveTo(nowMs);
    const { accessKeyId, sessionToken, region } = this.#identity;
    const { method, path, query, contentSha256 } = request;
    const headers = [
      ...request.headers,
      ["host", request.host] as const,
      ["x-amz-content-sha256", contentSha256] as const,
      ["x-amz-date", this.#timestamp] as const,
      ...(sessionToken === undefined ? [] : [["x-amz-security-token", sessionToken] as const]),
    ];
    // Those of ours are in order; others have to find their place.
    if (request.headers.length > 0) headers.sort(([a], [b]) => (a < b ? -1 : 1));
    const names = headers.map(([name]) => name).join(";");
    const lines = headers.map(([name, value]) => `${name}:${value}\n`).join("");
    const canonical = `${method}\n${path}\n${query}\n${lines}\n${names}\n${contentSha256}`;
    const scope = `${this.#date}/${region}/s3/aws4_request`;
    const text = `AWS4-HMAC-SHA256\n${this.#timestamp}\n${scope}\n${hash("sha256", canonical)}`;
    const signature = createHmac("sha256", this.#key).update(text).digest("hex");
    const credential = `Credential=${accessKeyId}/${scope}`;
    const authorization = `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=${names}, Signature=${signature}`;
    const sent = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const target = query === "" ? path : `${path}?${query}`;
    return `${method} ${target} HTTP/1.1\r\n${sent}authorization: ${authorization}\r\n`;
  }

  #moveTo(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#timestamp = new Date(second * 1000).toISOString().replace(/[-:]|\.\d+/g, "");
    const date = this.#timestamp.slice(0, 8);
    if (date === this.#date) return;
    this.#date = date;
    const { secretAccessKey, region } = this.#identity;
    this.#key = [date, region, "s3", "aws4_request"].reduce<Buffer>(
      (key, text) => createHmac("sha256", key).update(text).digest(),
      Buffer.from(`AWS4${secretAccessKey}`),
    );
  }
}

/**
 * A part of a path or query in canonical form: all but the unreserved characters of RFC 3986
 * escaped.
 */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Parameters as a query in canonical form. */
export function encodeQuery(parameters: Readonly<Record<string, string>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`)
    .toSorted()
    .join("&");
}

export function sha256Of(pieces: Iterable<Uint8Array>): string {
  const digest = createHash("sha256");
  for (const piece of pieces) digest.update(piece);
  return digest.digest("hex");
}

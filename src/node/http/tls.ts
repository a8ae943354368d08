import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { messageOf, StoreError } from "../../base/errors.ts";
import type { Log } from "../../platform/platform.ts";

/** A certificate with its chain and its key, as files in PEM. */
export interface TlsFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

/**
 * @limit Files are looked at so often; a renewal has weeks. They are read, not watched: that works
 * for every way to replace them.
 */
export const reloadMs = 5_000;

/** Undefined where TLS is off; StoreError `invalid` where one of the two is missing. */
export function tlsFilesOf(certPath: string, keyPath: string): TlsFiles | undefined {
  if (certPath === "" && keyPath === "") return undefined;
  if (certPath !== "" && keyPath !== "") return { certPath, keyPath };
  throw new StoreError("invalid", "TLS needs both: give --tls-cert and --tls-key, or neither");
}

/** StoreError `invalid`, with the file and the fix, where a server could not use them. */
export function readTlsPair(files: TlsFiles): TlsPair {
  const read = (flag: string, path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw new StoreError("invalid", `${flag}: ${messageOf(cause)}`, { cause });
    }
  };
  const pair = { cert: read("--tls-cert", files.certPath), key: read("--tls-key", files.keyPath) };
  const fault = faultText(pair, files);
  if (fault !== undefined) throw new StoreError("invalid", fault);
  return pair;
}

/** The fault of the pair, with the file that has to be corrected. */
function faultText(pair: TlsPair, { certPath, keyPath }: TlsFiles): string | undefined {
  const fault = faultOf(pair);
  if (fault === undefined) return undefined;
  const file = fault.of === "cert" ? `--tls-cert ${certPath}` : `--tls-key ${keyPath}`;
  return `${file} ${fault.message}`;
}

export interface TlsReloadOptions {
  readonly files: TlsFiles;
  /** The one in use. */
  readonly pair: TlsPair;
  readonly log: Log;
  readonly intervalMs: number;
  readonly use: (pair: TlsPair) => void;
}

/**
 * Looks for new files, and has them used once they are proved to fit together: the two may be
 * replaced one after the other, or be empty for a moment while they are written. Until then, or
 * where what is new is wrong, the old pair stays in use and the log says why. Whatever goes wrong
 * here ends nothing: the next look tries again.
 */
export class TlsReload {
  readonly #options: TlsReloadOptions;
  readonly #timer: NodeJS.Timeout;
  /** The last that was looked at, good or not: the same is not complained about twice. */
  #seen: TlsPair | string;
  #looking = false;

  constructor(options: TlsReloadOptions) {
    this.#options = options;
    this.#seen = options.pair;
    warnOfExpiry(options.pair, options.log);
    this.#timer = setInterval(() => void this.#look(), options.intervalMs).unref(); // never rejects
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { files, log } = this.#options;
    try {
      const found = await readBoth(files);
      if (!isSame(found, this.#seen)) this.#take(found);
    } catch (error) {
      log("error", "tls_not_reloaded", { ...files, fault: messageOf(error) });
    } finally {
      this.#looking = false;
    }
  }

  #take(found: TlsPair | string): void {
    const { files, log, use } = this.#options;
    this.#seen = found;
    const fault = typeof found === "string" ? found : faultText(found, files);
    if (fault === undefined && typeof found !== "string") {
      use(found);
      log("info", "tls_reloaded", { ...files });
      warnOfExpiry(found, log);
    } else {
      log("warn", "tls_not_reloaded", { ...files, fault });
    }
  }
}

/** Reads both files, or says why they cannot be read. */
async function readBoth({ certPath, keyPath }: TlsFiles): Promise<TlsPair | string> {
  try {
    return { cert: await readFile(certPath, "utf8"), key: await readFile(keyPath, "utf8") };
  } catch (error) {
    return messageOf(error);
  }
}

function isSame(one: TlsPair | string, other: TlsPair | string): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other;
  return one.cert === other.cert && one.key === other.key;
}

/**
 * It is used all the same: some clients do not look, and none is served better by no certificate.
 */
function warnOfExpiry(pair: TlsPair, log: Log): void {
  const end = endOf(pair);
  if (end.getTime() < Date.now()) {
    log("warn", "tls_certificate_expired", { since: end.toISOString() });
  }
}

/** A certificate with its chain, and its key, in PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Which of the two is wrong, and what about it and what would be right. */
export interface TlsFault {
  readonly of: keyof TlsPair;
  readonly message: string;
}

/**
 * Why a server could not use the pair, or nothing. OpenSSL alone does not tell: it takes an empty
 * certificate or key for none, and a chain that breaks off in the middle for a shorter one, and
 * both are what a file holds while it is written.
 */
export function faultOf(pair: TlsPair): TlsFault | undefined {
  const certificates = certificatesIn(pair.cert);
  if (typeof certificates === "string") return { of: "cert", message: certificates };
  const key = keyIn(pair.key);
  if (typeof key === "string") return { of: "key", message: key };
  if (certificates[0]?.checkPrivateKey(key) !== true) {
    const fix = "the server's own certificate stands first, before those of its issuers";
    return { of: "key", message: `is not the key of the certificate (mismatch): ${fix}` };
  }
  try {
    createSecureContext(pair);
    return undefined;
  } catch (error) {
    return { of: "cert", message: `cannot be used (${messageOf(error)})` };
  }
}

/** When the server's own certificate ends, or ended. */
export function endOf({ cert }: TlsPair): Date {
  return new X509Certificate(cert).validToDate;
}

const certificateBegins = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g;
const wholeCertificate = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]*-----END \1-----/g;

/** Returns at least one certificate, or says what is wrong. */
function certificatesIn(text: string): readonly X509Certificate[] | string {
  if (text.trim() === "") return `is empty: ${certificateWanted}`;
  const begun = text.match(certificateBegins)?.length ?? 0;
  const whole = text.match(wholeCertificate) ?? [];
  if (begun === 0) return `is not a certificate in PEM: ${certificateWanted}`;
  if (whole.length < begun) return `breaks off in a certificate: ${certificateWanted}`;
  try {
    return whole.map((block) => new X509Certificate(block));
  } catch (error) {
    return `is not a certificate in PEM (${messageOf(error)}): ${certificateWanted}`;
  }
}

const certificateWanted = "give the server's certificate and those of its issuers, in PEM";

function keyIn(text: string): KeyObject | string {
  if (text.trim() === "") return `is empty: ${keyWanted}`;
  try {
    return createPrivateKey(text);
  } catch (error) {
    return `is not an unencrypted private key in PEM (${messageOf(error)}): ${keyWanted}`;
  }
}

const keyWanted = "give the private key of the certificate, in PEM and without a passphrase";

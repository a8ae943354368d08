import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { messageOf } from "../../base/errors.ts";

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
 * Why a server could not use the pair, or nothing. OpenSSL alone does not tell: it takes an empty certificate or key for
 * none, and a chain that breaks off in the middle for a shorter one, and both are what a file holds while it is written.
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

/** At least one; or what is wrong. */
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

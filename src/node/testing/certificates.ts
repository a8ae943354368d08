import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { TlsFiles } from "../http/tls.ts";

/** Why no certificate can be made here, or false. */
export const noOpenssl =
  spawnSync("openssl", ["version"]).status === 0 ? false : "makes certificates with openssl";

/**
 * A certificate that signs itself, for s3.test, and its key: NAME.crt and NAME.key in the folder.
 */
export function makeCertificate(folder: string, name: string): TlsFiles {
  const files = { certPath: join(folder, `${name}.crt`), keyPath: join(folder, `${name}.key`) };
  const kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:s3.test"];
  const made = spawnSync("openssl", [
    ...kind.split(" "),
    ...subject,
    "-keyout",
    files.keyPath,
    "-out",
    files.certPath,
  ]);
  if (made.status !== 0) throw new Error(made.stderr.toString());
  return files;
}

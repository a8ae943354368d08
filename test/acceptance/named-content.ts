import { createHash } from "node:crypto";

/**
 * Bytes that follow from a name, as `SIZE-NUMBER…`: nothing has to be remembered to compare them.
 */
export function contentOf(name: string): Buffer {
  const size = Number(name.split("-")[0]);
  const block = createHash("sha512").update(name).digest();
  const bytes = Buffer.alloc(size, block);
  for (let at = 0; at + 4 <= size; at += 4096) bytes.writeUInt32BE(at, at);
  return bytes;
}

export function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

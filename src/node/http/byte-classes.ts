/** Which bytes may stand where in a message, as bits of `classes`. */
export const tokenByte = 1;
/** RFC 9110, 5.5: in a field's value, with blanks and tabs within. */
export const fieldByte = 2;
/** All that is visible: it may stand in a target, escaped or not. */
export const targetByte = 4;
/** RFC 9110, 5.6.4: in a quoted string, as it is. */
export const quotedByte = 8;

export const quote = 0x22;
export const backslash = 0x5c;

const classes = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const isVisible = byte > 0x20 && byte < 0x7f;
  if (isVisible) classes[byte]! |= targetByte;
  if (isVisible || byte >= 0x80 || byte === 0x20 || byte === 0x09) classes[byte]! |= fieldByte;
  if ((classes[byte]! & fieldByte) !== 0 && byte !== quote && byte !== backslash) {
    classes[byte]! |= quotedByte;
  }
  // RFC 9110, 5.6.2.
  if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte))) classes[byte]! |= tokenByte;
}

/** Where the run of bytes of a class that begins at `at` ends: `stop` at the latest. */
export function spanEnd(data: Uint8Array, at: number, stop: number, byteClass: number): number {
  while (at < stop && (classes[data[at]!]! & byteClass) !== 0) at++;
  return at;
}

/** Answer of a parser that needs more bytes. */
export const incomplete = -1;
/** Answer of a parser that met bytes it must refuse. */
export const malformed = -2;

/**
 * Behind the CR and LF that must stand at `at`; or `incomplete` or `malformed`. A bare one of the
 * two ends no line.
 */
export function lineEnd(data: Uint8Array, at: number, stop: number): number {
  if (at >= stop) return incomplete;
  if (data[at] !== 0x0d) return malformed;
  if (at + 1 >= stop) return incomplete;
  return data[at + 1] === 0x0a ? at + 2 : malformed;
}

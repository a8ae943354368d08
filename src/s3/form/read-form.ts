import { concatBytes, tryDecodeUtf8 } from "../../base/bytes.ts";
import type { PieceDecoder } from "../../platform/piece-decoder.ts";
import { S3Error, invalidArgument } from "../errors.ts";
import { MultipartBody, type PartHead, malformedForm } from "./multipart-body.ts";

/**
 * @limit S3: all that stands before the file's first byte, which bounds the number of fields, too.
 */
const beforeFileBytesMax = 20 * 1024;

/**
 * @limit Fields after the file, such as a submit button, are ignored. They are read, so that the
 * body is known to be whole.
 */
const behindFileBytesMax = 64 * 1024;

export interface FormField {
  /** The field's name as sent. */
  readonly name: string;
  readonly value: string;
}

/** A form up to its file. */
export interface Form {
  /** Fields by name in lower case; all of them stand before the file. */
  readonly fields: ReadonlyMap<string, FormField>;
  /** The file's name without a path; undefined where the form gives none. */
  readonly filename: string | undefined;
  /**
   * Pulled; it ends once the whole body was read and found well-formed, and throws where it was
   * not.
   */
  readonly file: AsyncIterable<Uint8Array>;
}

/**
 * Reads the fields of a form, and stops at the first byte of its file.
 *
 * @param decoder takes the form out of the body as sent.
 */
export async function readForm(
  body: AsyncIterable<Uint8Array>,
  decoder: PieceDecoder,
  boundary: string,
): Promise<Form> {
  const parts = new MultipartBody(body, decoder, boundary);
  try {
    const fields = new Map<string, FormField>();
    while ((await parts.read()) !== undefined) checkBeforeFile(parts);
    for (;;) {
      const part = await parts.next();
      checkBeforeFile(parts);
      if (part === undefined) throw notOneFile(0);
      const name = part.name.toLowerCase();
      if (name === "file") return { fields, filename: nameOf(part), file: readFile(parts) };
      const value = await readValue(parts);
      if (fields.has(name) && !name.startsWith("x-ignore-")) {
        const message = `The form has more than one field named '${name}'.`;
        throw invalidArgument(part.name, value, message);
      }
      fields.set(name, { name: part.name, value });
    }
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function readValue(parts: MultipartBody): Promise<string> {
  const pieces: Uint8Array[] = [];
  for (let piece = await parts.read(); piece !== undefined; piece = await parts.read()) {
    checkBeforeFile(parts);
    pieces.push(piece);
  }
  const value = tryDecodeUtf8(concatBytes(pieces));
  if (value === undefined) throw malformedForm();
  return value;
}

function checkBeforeFile(parts: MultipartBody): void {
  if (parts.readBytes <= beforeFileBytesMax) return;
  throw new S3Error("MaxPostPreDataLengthExceeded", {
    details: { MaxPostPreDataLengthBytes: beforeFileBytesMax },
  });
}

/**
 * Some browsers send where the file was; S3 takes what stands behind the last slash of either kind.
 */
function nameOf({ filename }: PartHead): string | undefined {
  return filename?.replace(/^.*[/\\]/s, "");
}

async function* readFile(parts: MultipartBody): AsyncGenerator<Uint8Array, void> {
  try {
    for (let piece = await parts.read(); piece !== undefined; piece = await parts.read()) {
      yield piece;
    }
    const end = parts.readBytes;
    const checkBehind = (): void => {
      if (parts.readBytes - end > behindFileBytesMax) throw malformedForm();
    };
    for (let part = await parts.next(); part !== undefined; part = await parts.next()) {
      if (part.name.toLowerCase() === "file") throw notOneFile(2);
      while ((await parts.read()) !== undefined) checkBehind();
      checkBehind();
    }
    while ((await parts.readEpilogue()) !== undefined) checkBehind();
  } finally {
    await parts.close();
  }
}

function notOneFile(count: number): S3Error {
  const message = "POST requires exactly one file upload per request.";
  return invalidArgument("file", String(count), message);
}

import {
  type AccessKey,
  type AccessKeyInfo,
  type AccessKeys,
  accessKeyIdRule,
  generateAccessKey,
  isAccessKeyId,
  isSecret,
  secretRule,
} from "../auth/access-key.ts";
import { createDecoder, decodePieces } from "../auth/decode-payload.ts";
import { BodyFault } from "../platform/body-fault.ts";
import type { Verified } from "../auth/claim.ts";
import { concatBytes, tryDecodeUtf8 } from "../base/bytes.ts";
import type { HttpRequest, HttpResponse } from "../platform/http.ts";
import type { Platform } from "../platform/platform.ts";
import { answerRoot, jsonAnswer, AdminRefusal, type RootOnlyOptions } from "./root-only.ts";

/*
 * Access keys under /-/keys, as JSON; signed by the root's key like any request of S3, in the
 * header.
 *
 *   GET    /-/keys?after=ID   a page of keys: {"keys": […], "more": true}
 *   POST   /-/keys            {"owner", "accessKeyId", "secretAccessKey"}; a key not given is made
 *   DELETE /-/keys/ID
 *
 * What is refused says why: {"error": "…"}.
 */

export const accessKeysPath = "/-/keys";

export interface AccessKeyPagesOptions extends RootOnlyOptions {
  readonly keys: AccessKeys;
}

/** @limit A key to make is some 400 bytes. */
const bodyBytesMax = 4096;
/** @limit Some 200 bytes each. */
const keysOnPageMax = 1000;

/** AWS's rule for the names of users. */
const ownerNameForm = /^[\w+=,.@-]{1,64}$/;
const ownerNameRule = "1 to 64 letters, digits, or any of _ + = , . @ -";
/** The owner of a new key whose request names none. */
const ownerNameDefault = "default";

export function answerAccessKeys(
  options: AccessKeyPagesOptions,
  request: HttpRequest,
): Promise<HttpResponse> {
  return answerRoot(options, request, (verified) => answer(options, request, verified));
}

async function answer(
  options: AccessKeyPagesOptions,
  request: HttpRequest,
  verified: Verified,
): Promise<HttpResponse> {
  const { method, path } = request.head;
  const id = path.slice(accessKeysPath.length + 1);
  if (id === "" && method === "GET") return listKeys(options, request);
  if (id === "" && method === "POST") return createKey(options, request, verified);
  if (id !== "" && method === "DELETE") return deleteKey(options, id);
  throw new AdminRefusal(405, `${path} does not take ${method}`);
}

async function listKeys(
  { keys }: AccessKeyPagesOptions,
  { head }: HttpRequest,
): Promise<HttpResponse> {
  const [first] = head.query;
  const after = first === undefined ? "" : unescapedId(first.raw.replace(/^after=/, ""));
  const found = await keys.list(after, keysOnPageMax);
  return jsonAnswer(200, { keys: found.map(shown), more: found.length === keysOnPageMax });
}

async function createKey(
  { keys, platform }: AccessKeyPagesOptions,
  request: HttpRequest,
  verified: Verified,
): Promise<HttpResponse> {
  const fields = await readFields(platform, request, verified);
  const ownerName = textOf(fields, "owner") ?? ownerNameDefault;
  if (!ownerNameForm.test(ownerName)) {
    throw new AdminRefusal(400, `an owner's name has ${ownerNameRule}`);
  }
  if (ownerName === "root")
    throw new AdminRefusal(400, "root has one key only: name another owner");
  const key = givenKey(fields) ?? generateAccessKey(platform.random);
  const made = await keys.create(key, ownerName);
  if (made === undefined) {
    throw new AdminRefusal(409, `there is an access key ${key.accessKeyId} already`);
  }
  return jsonAnswer(201, { ...shown(made), secretAccessKey: key.secretAccessKey });
}

function givenKey(fields: Readonly<Record<string, unknown>>): AccessKey | undefined {
  const accessKeyId = textOf(fields, "accessKeyId");
  const secretAccessKey = textOf(fields, "secretAccessKey");
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new AdminRefusal(400, "give an access key's id and its secret, or neither");
  }
  if (!isAccessKeyId(accessKeyId)) {
    throw new AdminRefusal(400, `an access key's id has ${accessKeyIdRule}`);
  }
  if (!isSecret(secretAccessKey)) throw new AdminRefusal(400, `a secret key has ${secretRule}`);
  return { accessKeyId, secretAccessKey };
}

async function deleteKey({ keys }: AccessKeyPagesOptions, id: string): Promise<HttpResponse> {
  const accessKeyId = unescapedId(id);
  if (await keys.delete(accessKeyId)) return { status: 204, headers: [] };
  throw new AdminRefusal(404, `there is no access key ${accessKeyId} in the index`);
}

function unescapedId(text: string): string {
  const id = text.replaceAll("%40", "@").replaceAll("%2B", "+");
  if (isAccessKeyId(id)) return id;
  throw new AdminRefusal(400, `an access key's id has ${accessKeyIdRule}`);
}

/** The body, which must be just what was signed. */
async function readFields(
  { hash }: Platform,
  request: HttpRequest,
  { payload }: Verified,
): Promise<Readonly<Record<string, unknown>>> {
  if (payload.kind !== "signed")
    throw new AdminRefusal(400, "the body is not signed: send its SHA-256 in x-amz-content-sha256");
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const piece of decodePieces(createDecoder(hash, payload), request.body)) {
      bytes += piece.length;
      if (bytes > bodyBytesMax)
        throw new AdminRefusal(413, `a body has at most ${bodyBytesMax} bytes`);
      pieces.push(piece.slice());
    }
  } catch (thrown) {
    if (thrown instanceof BodyFault) throw new AdminRefusal(400, thrown.message);
    throw thrown;
  }
  const fields = parseObject(tryDecodeUtf8(concatBytes(pieces)) ?? "");
  if (fields === undefined) throw new AdminRefusal(400, "the body is not a JSON object");
  return fields;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined; // just seen to be one
  } catch {
    return undefined;
  }
}

function textOf(fields: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || typeof value === "string") return value;
  throw new AdminRefusal(400, `${name} is not a string`);
}

function shown({ accessKeyId, ownerName, owner, account, createdMs, state }: AccessKeyInfo) {
  const created = new Date(createdMs).toISOString();
  return { accessKeyId, owner: ownerName, account, canonicalId: owner, created, state };
}

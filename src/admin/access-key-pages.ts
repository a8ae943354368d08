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
import type { Verified } from "../auth/claim.ts";
import { isRefusal } from "../base/refusal.ts";
import type { HttpRequest, HttpResponse } from "../platform/http.ts";
import {
  type AdminRefusal,
  answerRoot,
  jsonAnswer,
  refusePage,
  type RootOnlyOptions,
} from "./root-only.ts";
import { readSignedFields } from "./signed-json.ts";

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
): Promise<HttpResponse | AdminRefusal> {
  const { method, path } = request.head;
  const id = path.slice(accessKeysPath.length + 1);
  if (id === "" && method === "GET") return listKeys(options, request);
  if (id === "" && method === "POST") return createKey(options, request, verified);
  if (id !== "" && method === "DELETE") return deleteKey(options, id);
  return refusePage("methodNotAllowed", `${path} does not take ${method}`);
}

async function listKeys(
  { keys }: AccessKeyPagesOptions,
  { head }: HttpRequest,
): Promise<HttpResponse | AdminRefusal> {
  const [first] = head.query;
  const after = first === undefined ? "" : unescapedId(first.raw.replace(/^after=/, ""));
  if (typeof after === "object") return after;
  const found = await keys.list(after, keysOnPageMax);
  return jsonAnswer(200, { keys: found.map(shown), more: found.length === keysOnPageMax });
}

async function createKey(
  { keys, platform }: AccessKeyPagesOptions,
  request: HttpRequest,
  verified: Verified,
): Promise<HttpResponse | AdminRefusal> {
  const fields = await readSignedFields(platform, request, verified, fieldNames);
  if (isRefusal(fields)) return fields;
  const { owner: ownerName = ownerNameDefault } = fields;
  if (!ownerNameForm.test(ownerName)) {
    return refusePage("invalid", `an owner's name has ${ownerNameRule}`);
  }
  if (ownerName === "root")
    return refusePage("invalid", "root has one key only: name another owner");
  const key = givenKey(fields) ?? generateAccessKey(platform.random);
  if (isRefusal(key)) return key;
  const made = await keys.create(key, ownerName);
  if (made === undefined) {
    return refusePage("exists", `there is an access key ${key.accessKeyId} already`);
  }
  return jsonAnswer(201, { ...shown(made), secretAccessKey: key.secretAccessKey });
}

function givenKey(fields: KeyFields): AccessKey | AdminRefusal | undefined {
  const { accessKeyId, secretAccessKey } = fields;
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    return refusePage("invalid", "give an access key's id and its secret, or neither");
  }
  if (!isAccessKeyId(accessKeyId)) {
    return refusePage("invalid", `an access key's id has ${accessKeyIdRule}`);
  }
  if (!isSecret(secretAccessKey)) return refusePage("invalid", `a secret key has ${secretRule}`);
  return { accessKeyId, secretAccessKey };
}

async function deleteKey(
  { keys }: AccessKeyPagesOptions,
  id: string,
): Promise<HttpResponse | AdminRefusal> {
  const accessKeyId = unescapedId(id);
  if (typeof accessKeyId === "object") return accessKeyId;
  if (await keys.delete(accessKeyId)) return { status: 204, headers: [] };
  return refusePage("notFound", `there is no access key ${accessKeyId} in the index`);
}

function unescapedId(text: string): string | AdminRefusal {
  const id = text.replaceAll("%40", "@").replaceAll("%2B", "+");
  if (isAccessKeyId(id)) return id;
  return refusePage("invalid", `an access key's id has ${accessKeyIdRule}`);
}

/** What the body of a request for a new key may say; all else in it is passed over. */
type KeyFields = Partial<Record<(typeof fieldNames)[number], string>>;

const fieldNames = ["owner", "accessKeyId", "secretAccessKey"] as const;

function shown({ accessKeyId, ownerName, owner, account, createdMs, state }: AccessKeyInfo) {
  const created = new Date(createdMs).toISOString();
  return { accessKeyId, owner: ownerName, account, canonicalId: owner, created, state };
}

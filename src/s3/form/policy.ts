import { tryDecodeUtf8 } from "../../base/bytes.ts";
import { S3Error } from "../errors.ts";
import type { FormField } from "./read-form.ts";

/** The permissions that the signer of a form gave it (S3's API reference: "POST Policy"). */
export interface Policy {
  readonly expiresAtMs: number;
  readonly conditions: readonly Condition[];
}

export type Condition =
  | {
      readonly kind: "eq" | "starts-with";
      /** The field's name in lower case. */
      readonly field: string;
      readonly value: string;
      /** The condition as S3 writes it in its refusal. */
      readonly text: string;
    }
  | { readonly kind: "size"; readonly min: number; readonly max: number };

/** The form that a policy is checked against. */
export interface PolicySubject {
  /** Fields by name in lower case, with file names filled in. */
  readonly fields: ReadonlyMap<string, FormField>;
  /** The bucket that the request names: whatever a field of this name says does not matter. */
  readonly bucket: string;
  readonly nowMs: number;
}

/** Parses the policy from the form's base64; InvalidPolicyDocument where it is none. */
export function parsePolicy(encoded: string): Policy {
  const document = parseJson(decode(encoded));
  if (!isObject(document)) throw invalidPolicy("Invalid JSON.");
  const unknown = Object.keys(document).find(
    (name) => name !== "expiration" && name !== "conditions",
  );
  if (unknown !== undefined) throw invalidPolicy(`Unexpected: '${unknown.toLowerCase()}'`);
  const { expiration, conditions } = document;
  if (expiration === undefined) throw invalidPolicy("Policy missing expiration.");
  if (conditions === undefined) throw invalidPolicy("Policy missing conditions.");
  if (!Array.isArray(conditions)) {
    throw invalidPolicy("Invalid 'conditions' value: must be a List.");
  }
  return { expiresAtMs: parseExpiration(expiration), conditions: conditions.map(parseCondition) };
}

/**
 * Throws AccessDenied where the form is not what the policy allows; the file's size is checked as
 * it comes.
 */
export function checkPolicy(policy: Policy, subject: PolicySubject): void {
  if (subject.nowMs > policy.expiresAtMs) throw notAllowed("Policy expired.");
  const covered = new Set<string>();
  for (const condition of policy.conditions) {
    if (condition.kind === "size") continue;
    covered.add(condition.field);
    if (!holds(condition, subject)) throw conditionFailed(condition.text);
  }
  if (!covered.has("bucket")) throw notAllowed("Extra input fields: bucket");
  for (const [name, field] of subject.fields) {
    if (!covered.has(name) && !isFree(name)) {
      throw notAllowed(`Extra input fields: ${field.name}`);
    }
  }
}

/** Throws EntityTooLarge; to be asked while the file comes, so that no more of it is read. */
export function checkNotAbove(policy: Policy, sizeBytes: number): void {
  const [max] = sizesOf(policy, (each) => sizeBytes > each.max);
  if (max === undefined) return;
  throw new S3Error("EntityTooLarge", {
    details: { ProposedSize: sizeBytes, MaxSizeAllowed: max.max },
  });
}

/** Throws EntityTooSmall; to be asked when the whole file is there. */
export function checkNotBelow(policy: Policy, sizeBytes: number): void {
  const [min] = sizesOf(policy, (each) => sizeBytes < each.min);
  if (min === undefined) return;
  throw new S3Error("EntityTooSmall", {
    details: { ProposedSize: sizeBytes, MinSizeAllowed: min.min },
  });
}

type SizeCondition = Extract<Condition, { readonly kind: "size" }>;

function sizesOf({ conditions }: Policy, is: (size: SizeCondition) => boolean): SizeCondition[] {
  // As filtered.
  return conditions.filter((each) => each.kind === "size" && is(each)) as SizeCondition[];
}

function holds(
  { kind, field, value }: Exclude<Condition, SizeCondition>,
  { fields, bucket }: PolicySubject,
): boolean {
  const sent = field === "bucket" ? bucket : fields.get(field)?.value;
  if (sent === undefined) return false;
  if (kind === "eq") return sent === value;
  // S3 takes this one for a list, all of whose members must be allowed.
  const list = field === "content-type" ? sent.split(",").map((type) => type.trim()) : [sent];
  return list.every((each) => each.startsWith(value));
}

const freeFields: ReadonlySet<string> = new Set([
  "policy",
  "x-amz-signature",
  "awsaccesskeyid",
  "signature",
]);

/**
 * Fields that no condition need name. Checksums are among them here: they can only keep a damaged
 * file out, and those who sign policies often do not know of them.
 */
function isFree(name: string): boolean {
  return freeFields.has(name) || name.startsWith("x-ignore-") || name.startsWith("x-amz-checksum-");
}

function decode(encoded: string): string {
  if (encoded.trim() === "") throw invalidPolicy("Expecting '{' but found End-of-Input");
  try {
    const text = tryDecodeUtf8(Uint8Array.fromBase64(encoded));
    if (text !== undefined) return text;
  } catch {
    throw invalidPolicy("invalid Base64 encoding.");
  }
  throw invalidPolicy("Invalid JSON.");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidPolicy("Invalid JSON.");
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Takes times in UTC alone, with or without milliseconds. */
function parseExpiration(value: unknown): number {
  if (typeof value !== "string") throw invalidPolicy("Invalid JSON.");
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
  const expiresAtMs = form.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(expiresAtMs)) throw invalidPolicy(`Invalid 'expiration' value: '${value}'`);
  return expiresAtMs;
}

function parseCondition(condition: unknown): Condition {
  if (Array.isArray(condition)) return parseListCondition(condition);
  if (isObject(condition)) return parseSimpleCondition(condition);
  throw invalidPolicy("Invalid condition test: must be a List or Object.");
}

/** `{"acl": "private"}`: the same as `["eq", "$acl", "private"]`. */
function parseSimpleCondition(condition: Readonly<Record<string, unknown>>): Condition {
  const [only, ...others] = Object.entries(condition);
  const simple = "Invalid Simple-Condition: ";
  if (only === undefined || others.length > 0) {
    throw invalidPolicy(`${simple}Simple-Conditions must have exactly one property specified.`);
  }
  const [name, value] = only;
  if (typeof value !== "string") throw invalidPolicy(`${simple}value must be a string.`);
  const text = textOf(["eq", `$${name}`, value]);
  return { kind: "eq", field: name.toLowerCase(), value, text };
}

function parseListCondition(condition: readonly unknown[]): Condition {
  const [operation, ...operands] = condition;
  if (operation === undefined) {
    throw invalidPolicy("Invalid Condition: missing operation identifier.");
  }
  if (typeof operation !== "string") throw invalidPolicy("Invalid JSON.");
  const kind = operation.toLowerCase();
  if (kind !== "eq" && kind !== "starts-with" && kind !== "content-length-range") {
    throw invalidPolicy(`Invalid Condition: unknown operation '${operation}'.`);
  }
  if (operands.length !== 2) {
    throw invalidPolicy(`Invalid ${kind}: wrong number of arguments.`);
  }
  if (kind === "content-length-range") return parseSizes(condition);
  const [name, value] = operands;
  if (typeof name !== "string" || typeof value !== "string") throw invalidPolicy("Invalid JSON.");
  const text = textOf(condition);
  if (!name.startsWith("$")) throw conditionFailed(text);
  return { kind, field: name.slice(1).toLowerCase(), value, text };
}

/** Numbers, or texts of them. */
function parseSizes(condition: readonly unknown[]): Condition {
  const [, min, max] = condition;
  if (!isBound(min) || !isBound(max)) throw invalidPolicy("Invalid JSON.");
  for (const bound of [min, max]) {
    const isNumber = typeof bound === "number" || /^\d{1,15}$/.test(bound);
    if (!isNumber) throw conditionFailed(textOf(condition));
  }
  return { kind: "size", min: Number(min), max: Number(max) };
}

function isBound(bound: unknown): bound is number | string {
  return typeof bound === "string" || (Number.isSafeInteger(bound) && Number(bound) >= 0);
}

/** The condition in the way S3 writes lists. */
function textOf(condition: readonly unknown[]): string {
  return `[${condition.map((each) => JSON.stringify(each)).join(", ")}]`;
}

function invalidPolicy(problem: string): S3Error {
  return new S3Error("InvalidPolicyDocument", { message: `Invalid Policy: ${problem}` });
}

function conditionFailed(text: string): S3Error {
  return notAllowed(`Policy Condition failed: ${text}`);
}

function notAllowed(problem: string): S3Error {
  return new S3Error("AccessDenied", { message: `Invalid according to Policy: ${problem}` });
}

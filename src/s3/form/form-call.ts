import type { Verified } from "../../auth/claim.ts";
import { encodeUtf8 } from "../../base/bytes.ts";
import { type HeaderList, headersByName } from "../../platform/http.ts";
import type { S3Call } from "../call.ts";
import { literalHeaderText, wireText } from "../request/encoded-word.ts";
import { S3Error, fieldMissing, invalidArgument } from "../errors.ts";
import { isHeaderValue } from "../request/headers.ts";
import { climbsAboveRoot } from "../request/request-target.ts";
import type { Form, FormField } from "./read-form.ts";

/** The form with `${filename}` filled in, which may stand in any of its fields; without a file name it stays. */
export function fillIn(form: Form): Form {
  const { filename } = form;
  if (filename === undefined) return form;
  const fields = new Map<string, FormField>();
  for (const [key, { name, value }] of form.fields) {
    // The policy was signed as it is, and speaks of the variable at times.
    const filled = key === "policy" ? value : value.replaceAll("${filename}", () => filename);
    fields.set(key, { name, value: filled });
  }
  return { ...form, fields };
}

/** Fields that mean what the header of the same name means to PutObject. */
const headerFields: ReadonlySet<string> = new Set([
  "content-type",
  "content-encoding",
  "content-disposition",
  "content-language",
  "content-md5",
  "cache-control",
  "expires",
]);

/** These sign the form. */
const signingFields: ReadonlySet<string> = new Set([
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-signature",
  "x-amz-security-token",
]);

/** Of the request's own headers, those that keep the object from being stored where it should not be. */
const guards: ReadonlySet<string> = new Set([
  "host",
  "x-amz-expected-bucket-owner",
  "if-match",
  "if-none-match",
]);

/** A form as the PutObject that it amounts to: its fields are the headers, its file is the body. */
export function asPut(call: S3Call, form: Form, verified: Verified): S3Call {
  const key = encodeUtf8(form.fields.get("key")?.value ?? "");
  if (key.length === 0) throw fieldMissing("key");
  if (climbsAboveRoot(key)) throw new S3Error("BadRequest", { message: "Bad Request" });
  const headers: HeaderList = [
    ...[...call.headers].filter(([name]) => guards.has(name)),
    ...[...form.fields].flatMap(([name, field]) => headerOf(name, field)),
  ];
  return {
    ...call,
    verified: { ...verified, payload: { kind: "unsigned" } },
    target: { ...call.target, kind: "object", key },
    headers: headersByName(headers),
  };
}

function headerOf(name: string, { value }: FormField): HeaderList {
  if (name === "acl") return [["x-amz-acl", headerValue(name, value)]];
  if (signingFields.has(name)) return [];
  if (name.startsWith("x-amz-meta-")) return [[metadataName(name), literalHeaderText(value)]];
  const taken = headerFields.has(name) || name.startsWith("x-amz-");
  return taken ? [[name, headerValue(name, value)]] : [];
}

/** What is kept will stand in the headers of answers. */
function headerValue(name: string, value: string): string {
  const text = wireText(value).trim();
  if (isHeaderValue(text)) return text;
  throw invalidArgument(name, value, "The value cannot stand in a header");
}

function metadataName(name: string): string {
  if (/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return name;
  throw invalidArgument(name, "", "The name cannot be that of a header");
}

import { percentEncode } from "../../auth/canonical-request.ts";
import type { Verified } from "../../auth/claim.ts";
import { encodeUtf8 } from "../../base/bytes.ts";
import type { Stored } from "../../object/write/put.ts";
import { type HeaderList, headersByName, type HttpResponse } from "../../platform/http.ts";
import type { S3Call } from "../call.ts";
import { fieldMissing, invalidArgument, S3Error } from "../errors.ts";
import { literalHeaderText, wireText } from "../request/text-encoding.ts";
import { isHeaderValue } from "../request/header-rules.ts";
import { climbsAboveRoot } from "../request/request-target.ts";
import { keyElement } from "../response/listing.ts";
import { storedObjectHeaders } from "../response/object-response.ts";
import { etagElement, textElement, xmlPlainDocument } from "../xml/xml-write.ts";
import type { Form, FormField } from "./read-form.ts";

/**
 * The form with `${filename}` filled in, which may stand in any of its fields; without a file name
 * it stays.
 */
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

/** Headers of the request itself that keep the object from being stored where it should not be. */
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

/** Checks a field whose value will stand in the headers of answers. */
function headerValue(name: string, value: string): string {
  const text = wireText(value).trim();
  if (isHeaderValue(text)) return text;
  throw invalidArgument(name, value, "The value cannot stand in a header");
}

function metadataName(name: string): string {
  if (/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return name;
  throw invalidArgument(name, "", "The name cannot be that of a header");
}

/**
 * The answer that the form asks for: a redirect or a status; 204 where it asks for none that S3
 * has.
 */
export function formAnswer(put: S3Call, form: Form, stored: Stored): HttpResponse {
  const headers = storedObjectHeaders(stored);
  const redirect = redirectOf(form);
  if (redirect !== undefined) {
    return { status: 303, headers: [["location", withResult(redirect, put, stored)], ...headers] };
  }
  const location = locationOf(put);
  const located: HeaderList = [["location", location], ...headers];
  const status = form.fields.get("success_action_status")?.value;
  if (status === "200") return { status: 200, headers: located };
  if (status !== "201") return { status: 204, headers: located };
  const body = xmlPlainDocument("PostResponse", [
    textElement("Location", location),
    textElement("Bucket", put.target.bucket),
    keyElement(put.target.key),
    etagElement(stored.etag),
  ]);
  return { status: 201, headers: [["content-type", "application/xml"], ...located], body };
}

/** An address that is not absolute is as if it were not there. */
function redirectOf({ fields }: Form): string | undefined {
  const field = fields.get("success_action_redirect") ?? fields.get("redirect");
  const address = field?.value.trim() ?? "";
  if (!/^https?:\/\/[^/?#]/i.test(address)) return undefined;
  return address.replace(/[^\x20-\x7e]+/g, (text) => percentEncode(bytesText(encodeUtf8(text))));
}

/** The address's own query stays in front. */
function withResult(redirect: string, { target }: S3Call, { etag }: Stored): string {
  const { bucket, key } = target;
  const pairs = [
    ["bucket", formEncode(encodeUtf8(bucket))],
    ["key", formEncode(key)],
    ["etag", formEncode(encodeUtf8(`"${etag}"`))],
  ];
  const result = pairs.map(([name, value]) => `${name}=${value}`).join("&");
  const [address = "", ...fragment] = redirect.split("#");
  const joined = `${address}${address.includes("?") ? "&" : "?"}${result}`;
  return [joined, ...fragment].join("#");
}

function formEncode(bytes: Uint8Array): string {
  return percentEncode(bytesText(bytes)).replaceAll("%20", "+");
}

/**
 * Where the object is, at the host that was asked; slashes in the key are escaped, as S3 does here.
 */
function locationOf({ request, headers, target }: S3Call): string {
  const path = request.head.path.replace(/\/$/, "");
  const host = `${request.secure ? "https" : "http"}://${headers.get("host") ?? ""}`;
  return `${host}${path}/${percentEncode(bytesText(target.key))}`;
}

/** `percentEncode` takes bytes as characters. */
function bytesText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

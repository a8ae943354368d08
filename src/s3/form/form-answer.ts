import { encodeUtf8 } from "../../base/bytes.ts";
import { percentEncode } from "../../auth/canonical-request.ts";
import type { Stored } from "../../object/write/put.ts";
import type { HeaderList, HttpResponse } from "../../platform/http.ts";
import type { S3Call } from "../call.ts";
import { keyElement } from "../response/multipart-elements.ts";
import { storedObjectHeaders } from "../response/object-response.ts";
import { etagElement, textElement, xmlPlainDocument } from "../xml/xml-write.ts";
import type { Form } from "./read-form.ts";

/** What the form wants for an answer: the browser sent elsewhere, or a status; 204 where it asks for none that S3 has. */
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

/** Where the object is, at the host that was asked; slashes in the key are escaped, as S3 does here. */
function locationOf({ request, headers, target }: S3Call): string {
  const path = request.head.path.replace(/\/$/, "");
  const host = `${request.secure ? "https" : "http"}://${headers.get("host") ?? ""}`;
  return `${host}${path}/${percentEncode(bytesText(target.key))}`;
}

/** `percentEncode` takes bytes as characters. */
function bytesText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

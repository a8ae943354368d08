import { encodeUtf8 } from "../../base/bytes.ts";

declare const brand: unique symbol;
/** Finished XML, so that text can't be mistaken for it. */
export type Xml = string & { readonly [brand]: true };

const namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/**
 * Text as it stands in an element. Keys may hold any character, and XML 1.0 has none for most
 * control characters: they are written as references, as S3 does, which lenient parsers read and
 * which survives parsers' changes to line ends. `encoding-type=url` is the way around for strict
 * ones.
 */
export function escapeText(text: string): Xml {
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  return text.replace(/[&<>"\u0000-\u001f\u007f\ufffe\uffff]/g, (character) => {
    return entities[character] ?? `&#x${character.charCodeAt(0).toString(16)};`;
  }) as Xml; // nothing in it has a meaning in XML any more
}

/** `<Name>text</Name>`; nothing for undefined. */
export function textElement(name: string, value: string | number | boolean | undefined): Xml {
  if (value === undefined) return "" as Xml; // no element is well-formed content
  return `<${name}>${escapeText(String(value))}</${name}>` as Xml; // escaped just here
}

/**
 * The same for what holds no character with a meaning in XML: numbers, times, digests, names of
 * ours.
 */
export function plainElement(name: string, text: string | number): Xml {
  return `<${name}>${text}</${name}>` as Xml; // by its contract
}

export function etagElement(etag: string): Xml {
  return plainElement("ETag", `&quot;${etag}&quot;`);
}

/** `<Name>` around finished XML. */
export function element(name: string, children: readonly Xml[]): Xml {
  return `<${name}>${children.join("")}</${name}>` as Xml; // joined from finished XML
}

const prolog = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** How every document begins. */
export const xmlProlog = encodeUtf8(prolog);

/** A whole answer: the root element in S3's namespace. */
export function xmlDocument(root: string, children: readonly Xml[]): Uint8Array {
  return encodeUtf8(documentStart(root) + children.join("") + documentEnd(root));
}

export function documentStart(root: string): Xml {
  return `${prolog}<${root} xmlns="${namespace}">` as Xml; // with `documentEnd` it is
}

export function documentEnd(root: string): Xml {
  return `</${root}>` as Xml; // with `documentStart` it is
}

/** An answer that is a single text. */
export function xmlTextDocument(root: string, text: string): Uint8Array {
  return xmlDocument(root, [escapeText(text)]);
}

/** The same in no namespace, as errors are and what forms are answered with. */
export function xmlPlainDocument(root: string, children: readonly Xml[]): Uint8Array {
  return encodeUtf8(`${prolog}<${root}>${children.join("")}</${root}>`);
}

/** A grantee; its kind stands in an attribute, which no other element of S3's has. */
export function granteeElement(id: Xml): Xml {
  const instance = "http://www.w3.org/2001/XMLSchema-instance";
  // The cast holds, since the text around it is XML.
  return `<Grantee xmlns:xsi="${instance}" xsi:type="CanonicalUser">${id}</Grantee>` as Xml;
}

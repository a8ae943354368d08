/** The credentials a request carries, in its header or its query: parsed, not yet believed. */
import { RecentMap } from "../base/recent-map.ts";
import type { QueryParameter } from "../platform/http.ts";
import { scopeText, scopeTerminator, signatureAlgorithm, signedService } from "./signature-v4.ts";
import { isRefusal, type RefusalOf } from "../base/refusal.ts";

export interface ClaimedSignature {
  readonly accessKeyId: string;
  /** 20130524; the caller has still to compare it with the request's time. */
  readonly date: string;
  /** 20130524/us-east-1/s3/aws4_request */
  readonly scope: string;
  /** Names of the signed headers, in lower case, sorted, each once. */
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

export interface PresignedParameters extends ClaimedSignature {
  readonly timestamp: string;
  readonly expiresSeconds: number;
  readonly token: string | undefined;
  readonly contentSha256: string | undefined;
}

/** `message` is S3's, in full. */
export interface Malformed extends RefusalOf<"malformed"> {
  readonly message: string;
  /** The right region, where only the region is wrong. */
  readonly region?: string | undefined;
}

/** @limit One week, S3's limit for presigned URLs. */
const expiresSecondsMax = 7 * 24 * 60 * 60;

/** @limit Clients that sign alike (key, day, names of headers); ~600 B each. */
export const knownClaimsMax = 1024;

const signatureName = "Signature=";

/**
 * Reads Authorization headers, and remembers those read: of the next one of a client only the
 * signature is new, and reading all of it takes 2 of the 34 µs of a small GET.
 */
export class AuthorizationHeaders {
  readonly #region: string;
  readonly #known = new RecentMap<string, Omit<ClaimedSignature, "signature">>(knownClaimsMax);

  constructor(region: string) {
    this.#region = region;
  }

  parse(value: string): ClaimedSignature | Malformed {
    const at = value.lastIndexOf(signatureName);
    const before = value[at - 1];
    const isLast = (before === " " || before === ",") && !value.includes(",", at);
    if (!isLast) return parseAuthorizationHeader(value, this.#region);
    const name = value.slice(0, at);
    const known = this.#known.get(name);
    if (known !== undefined) {
      return { ...known, signature: value.slice(at + signatureName.length).trim() };
    }
    const parsed = parseAuthorizationHeader(value, this.#region);
    if (isRefusal(parsed)) return parsed;
    this.#known.set(name, parsed);
    return parsed;
  }
}

function parseAuthorizationHeader(value: string, region: string): ClaimedSignature | Malformed {
  const components = new Map<string, string>();
  for (const component of value.slice(signatureAlgorithm.length).split(",")) {
    const equals = component.indexOf("=");
    if (equals > 0)
      components.set(component.slice(0, equals).trim(), component.slice(equals + 1).trim());
  }
  const prefix = "The authorization header is malformed; ";
  const credential = components.get("Credential");
  const signedHeaders = components.get("SignedHeaders");
  const signature = components.get("Signature");
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    const requirement = "requires three components: Credential, SignedHeaders, and Signature.";
    return malformed(`${prefix}the authorization header ${requirement}`);
  }
  const claim = parseCredential(credential, { region, prefix });
  if (isRefusal(claim)) return claim;
  return { ...claim, signedHeaders: parseSignedHeaders(signedHeaders), signature };
}

const presignNames = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Signature",
  "X-Amz-Date",
  "X-Amz-SignedHeaders",
  "X-Amz-Expires",
] as const;

export function parsePresigned(
  query: readonly QueryParameter[],
  region: string,
): PresignedParameters | Malformed {
  const [algorithm, credential, signature, timestamp, signedHeaders, expires] = presignNames.map(
    (name) => onlyValue(query, name),
  );
  if (
    algorithm === undefined ||
    credential === undefined ||
    signature === undefined ||
    timestamp === undefined ||
    signedHeaders === undefined ||
    expires === undefined
  ) {
    const names = `${presignNames.slice(0, -1).join(", ")}, and X-Amz-Expires parameters`;
    return malformed(`Query-string authentication version 4 requires the ${names}, each once.`);
  }
  if (algorithm !== signatureAlgorithm) {
    return malformed(`X-Amz-Algorithm only supports "${signatureAlgorithm}"`);
  }
  const prefix = "Error parsing the X-Amz-Credential parameter; ";
  const claim = parseCredential(credential, { region, prefix });
  if (isRefusal(claim)) return claim;
  const expiresSeconds = parseExpires(expires);
  if (typeof expiresSeconds !== "number") return expiresSeconds;
  return {
    ...claim,
    signedHeaders: parseSignedHeaders(signedHeaders),
    signature,
    timestamp,
    expiresSeconds,
    token: query.find(({ name }) => name === "X-Amz-Security-Token")?.value,
    contentSha256: onlyValue(query, "X-Amz-Content-Sha256"),
  };
}

function parseExpires(text: string): number | Malformed {
  if (!/^-?\d+$/.test(text)) return malformed("X-Amz-Expires should be a number");
  const seconds = Number(text);
  if (seconds < 0) return malformed("X-Amz-Expires must be non-negative");
  if (seconds <= expiresSecondsMax) return seconds;
  const rule = "must be less than a week (in seconds); that is, the given X-Amz-Expires must be";
  return malformed(`X-Amz-Expires ${rule} less than ${expiresSecondsMax} seconds`);
}

/** Access key id and date; the id may hold slashes. */
export function parseCredential(
  credential: string,
  expected: { readonly region: string; readonly prefix: string },
): Pick<ClaimedSignature, "accessKeyId" | "date" | "scope"> | Malformed {
  const { region, prefix } = expected;
  const names = credential.split("/");
  const [date, claimedRegion, service, terminator] = names.slice(-4);
  const accessKeyId = names.slice(0, -4).join("/");
  if (accessKeyId === "" || date === undefined) {
    const form = `"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/${scopeTerminator}"`;
    return malformed(`${prefix}the Credential is mal-formed; expecting ${form}.`);
  }
  if (!/^\d{8}$/.test(date)) {
    const rule = 'This date in the credential must be in the format "yyyyMMdd".';
    return malformed(`${prefix}incorrect date format "${date}". ${rule}`);
  }
  if (claimedRegion !== region) {
    const wrong = `the region '${claimedRegion}' is wrong; expecting '${region}'`;
    return malformed(`${prefix}${wrong}`, region);
  }
  if (service !== signedService) {
    const endpoint = `This endpoint belongs to "${signedService}".`;
    return malformed(`${prefix}incorrect service "${service}". ${endpoint}`);
  }
  if (terminator !== scopeTerminator) {
    const endpoint = `This endpoint uses "${scopeTerminator}".`;
    return malformed(`${prefix}incorrect terminator "${terminator}". ${endpoint}`);
  }
  return { accessKeyId, date, scope: scopeText({ date, region }) };
}

function parseSignedHeaders(text: string): readonly string[] {
  const names = text.toLowerCase().split(";");
  // Clients must send the names sorted, and all do.
  if (names.every((name, index) => name > (names[index - 1] ?? ""))) return names;
  return [...new Set(names)].filter((name) => name !== "").sort();
}

function malformed(message: string, region?: string): Malformed {
  return { refusal: "malformed", message, region };
}

/** The value of a parameter that appears once. */
function onlyValue(query: readonly QueryParameter[], name: string): string | undefined {
  const found = query.filter((each) => each.name === name);
  return found.length === 1 ? found[0]?.value : undefined;
}

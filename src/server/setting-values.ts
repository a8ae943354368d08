import { StoreError } from "../base/errors.ts";

// How the text of a setting becomes its value. Each says what it accepts when it refuses.

export type ParseSetting<T> = (text: string) => T;

function refuse(text: string, want: string): never {
  throw new StoreError("invalid", `"${text}" is not ${want}`);
}

export function parseList(text: string): readonly string[] {
  const values = text.split(",").map((value) => value.trim());
  if (values.includes("")) return refuse(text, "a list with commas between its values, none empty");
  return values;
}

/** A text that may be empty: then the setting is off. */
export function parseText(text: string): string {
  return text;
}

/** A text that may be empty: then the setting is off. */
function parseOptionalList(text: string): readonly string[] {
  return text.trim() === "" ? [] : parseList(text);
}

export interface ListenAt {
  readonly host: string;
  /** The port; 0: any free one. */
  readonly port: number;
}

export function parseListen(text: string): ListenAt {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]]+)):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || !(port <= 65_535)) {
    return refuse(text, "HOST:PORT, such as 127.0.0.1:9000, 0.0.0.0:9000 or [::1]:9000");
  }
  return { host, port };
}

export function parseRegion(text: string): string {
  if (/^[a-z0-9-]{1,64}$/.test(text)) return text;
  return refuse(text, "a region name: small letters, digits and hyphens, such as us-east-1");
}

/** The names in lower case, since names of hosts are alike in either. */
export function parseDomains(text: string): readonly string[] {
  const domains = parseOptionalList(text.toLowerCase());
  const wrong = domains.find((domain) => !/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(domain));
  if (wrong !== undefined) {
    return refuse(wrong, "a host name, such as s3.example.org, without scheme or port");
  }
  return domains;
}

export function parseCount(min: number, max: number): ParseSetting<number> {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    return refuse(text, `a whole number from ${min} to ${max}`);
  };
}

export function parseChoice<T extends string>(choices: readonly T[]): ParseSetting<T> {
  return (text) =>
    choices.find((choice) => choice === text) ?? refuse(text, `one of ${choices.join(", ")}`);
}

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Parses a time into milliseconds. */
export function parseDuration(minMs: number, maxMs: number): ParseSetting<number> {
  return (text) => {
    const match = /^(\d+)\s*(ms|s|m|h)$/.exec(text.trim());
    const value = Number(match?.[1]) * (durationUnits[match?.[2] ?? ""] ?? Number.NaN);
    if (value >= minMs && value <= maxMs) return value;
    const range = `${showDuration(minMs)} to ${showDuration(maxMs)}`;
    return refuse(text, `a time with its unit (ms, s, m, h), from ${range}`);
  };
}

function showDuration(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    const size = durationUnits[unit]!;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

const byteUnits = ["", "KiB", "MiB", "GiB", "TiB"];

export function parseBytes(min: number, max?: number): ParseSetting<number> {
  return (text) => {
    const match = /^(\d+)\s*((?:[KMGT]iB)?)$/.exec(text.trim());
    const value = Number(match?.[1]) * 1024 ** byteUnits.indexOf(match?.[2] ?? "");
    const fits = value >= min && (max === undefined || value <= max);
    if (Number.isSafeInteger(value) && fits) return value;
    const range = max === undefined ? `of at least ${min}` : `from ${min} to ${max}`;
    return refuse(text, `a number of bytes, such as 512MiB or 1GiB, ${range}`);
  };
}

/** A share between 0 and 1, written in percent. */
export function parsePercent(min: number, max: number): ParseSetting<number> {
  return (text) => {
    const match = /^(\d+)\s*%$/.exec(text.trim());
    const value = Number(match?.[1]);
    if (value >= min && value <= max) return value / 100;
    return refuse(text, `a percentage from ${min}% to ${max}%`);
  };
}

/** A place that the index is shipped to, or restored from. */
export type ShippingPlace =
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "bucket"; readonly bucket: string; readonly prefix: string };

/** Undefined where the text is empty: then the setting is off. */
export function parseShippingPlace(text: string): ShippingPlace | undefined {
  if (text === "") return undefined;
  const [, scheme] = /^([a-z0-9+.-]+):\/\//i.exec(text) ?? [];
  if (scheme === undefined) return { kind: "directory", path: text };
  const [, bucket, prefix = ""] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,62})(?:\/(.*?))?\/*$/.exec(text) ?? [];
  if (bucket !== undefined) return { kind: "bucket", bucket, prefix };
  return refuse(text, "a directory, or a bucket such as s3://BUCKET/PREFIX");
}

/** A URL without a path; a text that may be empty. */
export function parseEndpoint(text: string): string {
  if (text === "") return text;
  const [, endpoint] = /^(https?:\/\/[A-Za-z0-9.:[\]-]+)\/?$/.exec(text) ?? [];
  if (endpoint !== undefined) return endpoint;
  return refuse(text, "the URL of an S3 server, such as https://s3.example.org");
}

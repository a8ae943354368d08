import type { Verified } from "../auth/claim.ts";
import { isRefusal, type RefusalOf } from "../base/refusal.ts";
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
 * Storage schemes under /-/schemes, as JSON; signed by the root's key like any request of S3, in
 * the header.
 *
 *   GET    /-/schemes                  all schemes, and which are kept here and why: SchemesReport
 *   PUT    /-/schemes/CLASS            {"scheme", "inline": "on" or "off"}: chooses it for a storage
 *                                      class; inline (default: off): large objects are coded while
 *                                      they are written
 *   PUT    /-/schemes/CLASS/BUCKET     the same for the objects of one bucket
 *   DELETE of the same paths           takes the choice back
 *
 * PUT and DELETE answer what is kept from now on: ClassReport. What is refused says why:
 * {"error": "…"}.
 */

export const schemesPath = "/-/schemes";

/** A scheme of the table, on the disks of this store. */
export interface SchemeReport {
  readonly name: string;
  readonly purpose: string;
  /** Disks that an extent takes. */
  readonly members: number;
  /** Bytes on disk for one stored. */
  readonly overhead: number;
  /** Bytes that are read to rebuild a lost member, as a multiple of its own. */
  readonly repairReads: { readonly usual: number; readonly most: number };
  /** What an extent would survive the loss of here; null where there are too few disks. */
  readonly survives: string | null;
  /** Storage classes whose objects are kept in it. */
  readonly keptFor: readonly string[];
}

/** What is kept for a storage class, or for the objects of one bucket that are of that class. */
export interface ClassReport {
  readonly storageClass: string;
  readonly bucket: string | null;
  /** What an operator chose for just this. */
  readonly chosen: string | null;
  /** True if large objects are coded while they are written. */
  readonly isInline: boolean;
  readonly write: { readonly copies: number; readonly quorum: number };
  readonly atRest: string;
  /** What would be kept if the disks allowed it. */
  readonly wished: string;
  /** What an extent at rest survives the loss of. */
  readonly survives: string;
  /** What an extent survives the loss of that was just acknowledged. */
  readonly survivesWritten: string;
  readonly isRedundant: boolean;
  /** Why it is not what was wished for, a sentence each. */
  readonly reasons: readonly string[];
  /** All that a person should know, a sentence each. */
  readonly said: readonly string[];
}

export interface SchemesReport {
  /** How many disks take new members, and over how many domains of each level they are spread. */
  readonly disks: Readonly<Record<string, number>>;
  readonly schemes: readonly SchemeReport[];
  readonly classes: readonly ClassReport[];
  /** Those buckets that have a choice of their own. */
  readonly buckets: readonly ClassReport[];
}

/** What a scheme is chosen for. */
export interface SchemePlace {
  readonly storageClass: string;
  readonly bucket: string | undefined;
}

/** What an operator chooses. */
export interface SchemeChosen {
  readonly scheme: string;
  readonly isInline: boolean;
}

export interface SchemeChoices {
  report(): Promise<SchemesReport>;
  /** Takes the choice back where it is undefined. */
  choose(
    place: SchemePlace,
    choice: SchemeChosen | undefined,
  ): Promise<ClassReport | (RefusalOf<"invalid" | "notFound"> & { readonly message: string })>;
}

export interface SchemePagesOptions extends RootOnlyOptions {
  readonly schemes: SchemeChoices;
}

export function answerSchemes(
  options: SchemePagesOptions,
  request: HttpRequest,
): Promise<HttpResponse> {
  return answerRoot(options, request, (verified) => answer(options, request, verified));
}

async function answer(
  { schemes, platform }: SchemePagesOptions,
  request: HttpRequest,
  verified: Verified,
): Promise<HttpResponse | AdminRefusal> {
  const { method, path } = request.head;
  const [storageClass = "", bucket, ...more] = path.slice(schemesPath.length + 1).split("/");
  if (storageClass === "" && bucket === undefined && method === "GET") {
    return jsonAnswer(200, await schemes.report());
  }
  const changes = method === "PUT" || method === "DELETE";
  if (storageClass === "" || bucket === "" || more.length > 0 || !changes) {
    return refusePage("methodNotAllowed", `${path} does not take ${method}`);
  }
  const given = method === "PUT" ? await readScheme(platform, request, verified) : undefined;
  if (given !== undefined && isRefusal(given)) return given;
  const kept = await schemes.choose({ storageClass, bucket }, given);
  return isRefusal(kept) ? refusePage(kept.refusal, kept.message) : jsonAnswer(200, kept);
}

async function readScheme(
  platform: SchemePagesOptions["platform"],
  request: HttpRequest,
  verified: Verified,
): Promise<SchemeChosen | AdminRefusal> {
  const fields = await readSignedFields(platform, request, verified, ["scheme", "inline"]);
  if (isRefusal(fields)) return fields;
  const { scheme, inline = "off" } = fields;
  if (scheme === undefined) return refusePage("invalid", "the body names no scheme");
  if (inline !== "on" && inline !== "off") return refusePage("invalid", "inline is on or off");
  return { scheme, isInline: inline === "on" };
}

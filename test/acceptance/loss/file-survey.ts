import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { extentsDirectory, memberOfPath } from "../../../src/extent/extent-files.ts";
import { decodeExtentHeader, type ExtentHeader } from "../../../src/format/extent-header.ts";
import { extentHeaderBytes } from "../../../src/format/limits.ts";
import { createHash } from "../../../src/node/platform/hash.ts";

/*
 * The members of extents as their own files say: what the server's state is compared with.
 */

export interface FoundMember {
  readonly directory: string;
  readonly path: string;
  readonly bytes: number;
  readonly header: ExtentHeader;
}

/** The newest layout of each extent that has a file in one of these directories. */
export function surveyFiles(directories: readonly string[]): FoundExtents {
  const extents = new Map<number, FoundMember[]>();
  for (const directory of directories) {
    for (const found of membersIn(directory)) {
      const { extent, layout } = found.header;
      const others = extents.get(extent) ?? [];
      const newest = others[0]?.header.layout ?? -1;
      if (layout > newest) extents.set(extent, [found]);
      else if (layout === newest) extents.set(extent, [...others, found]);
    }
  }
  return extents;
}

export type FoundExtents = ReadonlyMap<number, readonly FoundMember[]>;

/** The files of extents in a directory whose headers can be read. */
export function membersIn(directory: string): FoundMember[] {
  const extents = join(directory, extentsDirectory);
  if (!existsSync(extents)) return [];
  const names = readdirSync(extents, { recursive: true, encoding: "utf8" });
  return names.flatMap((name) => {
    const within = `${extentsDirectory}/${name}`;
    if (memberOfPath(within) === undefined) return [];
    const path = join(directory, within);
    const header = headerOf(path);
    return header === undefined ? [] : [{ directory, path, header, bytes: statSync(path).size }];
  });
}

const hash = createHash();

/** Undefined where there is none: the file is being made, or goes at this moment. */
function headerOf(path: string): ExtentHeader | undefined {
  const bytes = new Uint8Array(extentHeaderBytes);
  try {
    const file = openSync(path, "r");
    try {
      return decodeExtentHeader(hash, bytes.subarray(0, readSync(file, bytes)));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** True if the file of each of its members is there, and those of a code are of one length. */
export function isFull(members: readonly FoundMember[]): boolean {
  const scheme = members[0]?.header.scheme;
  if (scheme === undefined) return false;
  const isCoded = scheme.kind === "coded";
  const width = isCoded ? scheme.data + scheme.parity : scheme.copies;
  const found = new Set(members.map(({ header }) => header.member));
  const lengths = new Set(members.map(({ bytes }) => bytes));
  return found.size === width && (!isCoded || lengths.size === 1);
}

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decodeUtf8 } from "../../../src/base/bytes.ts";
import { memberOfPath, extentsDirectory } from "../../../src/extent/extent-files.ts";
import { scanRecords } from "../../../src/extent/extent-scan.ts";
import { extentHeaderBytes } from "../../../src/format/limits.ts";
import { openDisk } from "../../../src/node/disk/disk.ts";
import { createHash } from "../../../src/node/platform/hash.ts";

/*
 * Extent files that are taken away under a running server. They are kept, and read: what has a
 * record in one, written before it was taken away, is what may be gone, and nothing else.
 */

/** Files of a data directory, within it. */
export function extentPaths(directory: string): string[] {
  const names = readdirSync(join(directory, extentsDirectory), {
    recursive: true,
    encoding: "utf8",
  });
  return names
    .filter((name) => name.endsWith(".extent"))
    .map((name) => `${extentsDirectory}/${name}`);
}

interface TakenFile {
  readonly path: string;
  readonly atMs: number;
}

export class RemovedFiles {
  readonly #folder: string;
  #unread: TakenFile[] = [];
  /** The time of each key until which what was begun may be gone. */
  readonly #lostUntilMs = new Map<string, number>();
  readonly #extents = new Set<number>();

  /** `folder` is on the file system of the data directories. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  take(directory: string, path: string, how: "removed" | "emptied"): void {
    const target = join(this.#folder, path);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(join(directory, path), target);
    if (how === "emptied") writeFileSync(join(directory, path), "");
    this.#unread.push({ path, atMs: performance.now() });
  }

  /**
   * Reads what was taken away. Nothing must be written to it any more: the server has written
   * elsewhere since, or ended.
   */
  async read(): Promise<void> {
    const disk = openDisk(this.#folder);
    const hash = createHash();
    for (const { path, atMs } of this.#unread.splice(0)) {
      const extent = memberOfPath(path)?.extent;
      if (extent === undefined) throw new Error(`${path} is no extent's`);
      this.#extents.add(extent);
      const file = await disk.open(path, "read");
      const options = {
        platform: { hash },
        file,
        extent,
        from: extentHeaderBytes,
        skipPayload: true,
      };
      for await (const found of scanRecords(options)) {
        if (found.kind === "record") this.#lostUntilMs.set(decodeUtf8(found.header.key), atMs);
      }
      await file.close();
      rmSync(join(this.#folder, path));
    }
  }

  /** True if a complaint is about something that was taken away. */
  explains(complaint: string): boolean {
    const named = [...complaint.matchAll(/extents\/\w\w\/(\w+)\.extent|extent (\d+)/g)];
    return named.some(([, hexadecimal, decimal = ""]) =>
      this.#extents.has(
        Number.parseInt(hexadecimal ?? decimal, hexadecimal === undefined ? 10 : 16),
      ),
    );
  }

  /** True if the value of a key whose write began then may be gone. */
  mayHaveLost(key: string, begunMs: number): boolean {
    return begunMs <= (this.#lostUntilMs.get(key) ?? Number.NEGATIVE_INFINITY);
  }
}

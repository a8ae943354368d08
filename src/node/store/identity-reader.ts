import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { storeIdentityFile } from "../../format/data-directory.ts";

/** What a data directory says of itself; undefined where it cannot be read. */
export interface ReadIdentity {
  readonly path: string;
  readonly text: string | undefined;
}

/*
 * A process that reads the identities in the directories it is given, all at once, and sends each
 * to who started it. It is ended by that one, or with it.
 */
if (process.send !== undefined) {
  process.on("disconnect", () => process.exit());
  for (const path of process.argv.slice(2)) void send(path);
}

async function send(path: string): Promise<void> {
  let text: string | undefined;
  try {
    text = await readFile(join(path, storeIdentityFile), "utf8");
  } catch {
    // Who opens the directory says what is wrong.
  }
  process.send?.({ path, text } satisfies ReadIdentity);
}

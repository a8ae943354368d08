import { ChangeMaker, bytesOf } from "../../engine/suite/rows.suite.ts";
import { openTestIndex } from "./test-index.ts";

const changes = new ChangeMaker();

export const keyOf = (i: number): string => `key/${String(i).padStart(5, "0")}`;

/** An index with rows of many sizes, some on pages of their own; replaced and removed, so that pages are free. */
export async function fillIndex(path: string, rows: number): Promise<void> {
  const engine = await openTestIndex(path);
  for (let round = 0; round < 3; round++) {
    const commits = Array.from({ length: rows }, (_, i) => {
      const key = bytesOf(keyOf(i));
      const value = new Uint8Array((i * 37 * (round + 1)) % (i % 50 === 0 ? 9000 : 400)).fill(i);
      const isRemoved = round === 1 && i % 3 === 0;
      return engine.commit(
        isRemoved ? changes.change({ deletes: [key] }) : changes.put({ key, value }),
      );
    });
    await Promise.all(commits);
  }
  await engine.close();
}

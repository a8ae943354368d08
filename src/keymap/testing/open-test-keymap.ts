import { must } from "../../base/assert.ts";
import type { StoreId } from "../../format/ids.ts";
import { makeFirstRows } from "../first-rows.ts";
import type { Keymap } from "../keymap.ts";
import type { KeymapOptions } from "../open-keymap.ts";
import { openKeymap } from "../open-keymap.ts";
import { idOfText } from "../../format/ids.ts";

const madeUp = idOfText<StoreId>("5".repeat(32));

/**
 * Opens the index, which is made where there is none: for stores whose files no test takes away.
 */
export async function openTestKeymap(options: KeymapOptions): Promise<Keymap> {
  const { platform, store = madeUp } = options;
  const [engineName, engine] = must([...options.engines][0], "an engine");
  await makeFirstRows({ platform, engine, engineName, store });
  return openKeymap(options);
}

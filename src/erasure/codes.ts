import { StoreError } from "../base/errors.ts";
import { RecentMap } from "../base/recent-map.ts";
import type { Code } from "./code.ts";
import { locallyRepairable } from "./local-code.ts";
import { reedSolomon, shardsMax } from "./reed-solomon.ts";

/** What a stored scheme says of its code. */
export interface CodedScheme {
  readonly code: string;
  readonly data: number;
  readonly parity: number;
}

/**
 * The code of a scheme. StoreError `unsupported_format`: there is none of this name, or of it none
 * with so many shards.
 */
export function codeOf({ code, data, parity }: CodedScheme): Code {
  const isReedSolomon = code === "rs" && data >= 1 && parity >= 1 && data + parity <= shardsMax;
  if (isReedSolomon) return reedSolomon(data, parity);
  if (code === "lrc" && data === 12 && parity === 4) return locallyRepairable();
  throw new StoreError("unsupported_format", `no code ${code} of ${data}+${parity} shards`);
}

/** @limit Codes in use: there are five schemes of ours, and as many again that an operator makes. */
const codesMax = 16;

/** Codes in use, with the plans they remember. One for each process. */
export class Codes {
  readonly #known = new RecentMap<string, Code>(codesMax);

  /** `codeOf`, remembered. */
  of(scheme: CodedScheme): Code {
    const key = `${scheme.code} ${scheme.data} ${scheme.parity}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const code = codeOf(scheme);
    this.#known.set(key, code);
    return code;
  }
}

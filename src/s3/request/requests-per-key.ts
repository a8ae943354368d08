import { StoreError } from "../../base/errors.ts";

/** Requests without a signature are counted together, under a name that no access key has. */
const anonymous = "";

/**
 * Requests under way by access key (C6): a key that floods the store does not keep out the others.
 */
export class RequestsPerKey {
  readonly #max: number;
  #refused = 0;
  readonly #underWay = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Keys that have requests under way. */
  get keys(): number {
    return this.#underWay.size;
  }

  /** Requests that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Counts a request, which must be ended once; StoreError `overloaded`: it has not begun. */
  begin(accessKeyId: string = anonymous): void {
    const count = this.#underWay.get(accessKeyId) ?? 0;
    if (count >= this.#max) {
      this.#refused++;
      throw new StoreError(
        "overloaded",
        `access key "${accessKeyId}" has ${count} requests under way`,
      );
    }
    this.#underWay.set(accessKeyId, count + 1);
  }

  end(accessKeyId: string = anonymous): void {
    const count = this.#underWay.get(accessKeyId) ?? 0;
    if (count > 1) this.#underWay.set(accessKeyId, count - 1);
    else this.#underWay.delete(accessKeyId);
  }
}

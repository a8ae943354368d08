import type { ShippingWait } from "../shipping-wait.ts";
import { OldReads, type OldReadsOptions } from "./old-reads.ts";

export interface RemovalWaitOptions extends OldReadsOptions {
  readonly shippingWait: ShippingWait;
}

/**
 * Decides when files may go that nothing refers to any more: two that do not know of that yet may
 * need them, an index that was shipped to another place, and a read that began before.
 */
export class RemovalWait {
  readonly #shippingWait: ShippingWait;
  readonly #oldReads: OldReads<string>;

  constructor(options: RemovalWaitOptions) {
    this.#shippingWait = options.shippingWait;
    this.#oldReads = new OldReads(options);
  }

  /**
   * True if what has this name may go; asked again and again from when nothing refers to it, until
   * the answer is yes: asked once more, it waits again.
   */
  async isOver(name: string, bytes: number): Promise<boolean> {
    // holds: C9 freed-stays-until-that-is-shipped
    if (!(await this.#shippingWait.isOver(name, bytes))) return false;
    if (!(await this.#oldReads.haveEnded(name))) return false;
    this.#shippingWait.forget(name);
    return true;
  }
}

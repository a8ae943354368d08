import assert from "node:assert/strict";
import { encodeUtf8 } from "../../base/bytes.ts";
import { signedFetch } from "../client/signed-fetch.ts";
import type { ReadyEvent } from "./served-store.ts";

/** The content stored under a key. */
export const bodyOf = (key: string): string => `${key};`.repeat(2000);

/**
 * The keys of one store, whichever of its servers runs; the secret is printed only by the first.
 */
export class StoreClient {
  #secretAccessKey = "";

  async call(ready: ReadyEvent, method: string, target: string, text?: string): Promise<Response> {
    this.#secretAccessKey = ready.secretAccessKey ?? this.#secretAccessKey;
    const { accessKeyId } = ready;
    const identity = { accessKeyId, secretAccessKey: this.#secretAccessKey, region: "us-east-1" };
    const bytes = text === undefined ? undefined : Uint8Array.from(encodeUtf8(text));
    return await signedFetch(ready.endpoint, identity, { method, target, body: bytes });
  }

  async put(ready: ReadyEvent, keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const response = await this.call(ready, "PUT", `/bucket/${key}`, bodyOf(key));
      assert.equal(response.status, 200, await response.text());
    }
  }

  async assertHeld(ready: ReadyEvent, keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const response = await this.call(ready, "GET", `/bucket/${key}`);
      assert.equal(await response.text(), bodyOf(key), key);
    }
  }
}

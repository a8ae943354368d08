import { join } from "node:path";
import { HoldfastServer, region, rootKey } from "../../../test/acceptance/holdfast-server.ts";
import type { Target } from "../load/s3-client.ts";
import { BareProcess } from "./bare-process.ts";

/** A server under load: where it listens, the root of its processes, and whose key signs. */
export interface Store {
  readonly name: string;
  /**
   * Ours and peers store what they are sent; the bare server answers as many bytes and stores
   * nothing.
   */
  readonly kind: "ours" | "peer" | "bare";
  readonly endpoint: string;
  readonly pid: number;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A store that is running already. */
export type PeerStore = Omit<Store, "kind">;

export interface StoresOptions {
  readonly folder: string;
  readonly workers: number;
  readonly peers: readonly PeerStore[];
  /** Where profiles of our server's processes go. */
  readonly cpuProfiles: string | undefined;
}

/** Our server on a new data directory, the peers, and bare servers as they are asked for. */
export class Stores implements AsyncDisposable {
  /** Ours first. */
  readonly all: readonly Store[];
  readonly #ours: HoldfastServer;
  readonly #options: StoresOptions;
  readonly #bare = new Map<number, BareProcess>();

  private constructor(ours: HoldfastServer, options: StoresOptions) {
    this.#ours = ours;
    this.#options = options;
    const { endpoint, pid } = ours;
    const own: Store = { name: "holdfast", kind: "ours", endpoint, pid, ...rootKey };
    this.all = [own, ...options.peers.map((peer) => ({ ...peer, kind: "peer" as const }))];
  }

  static async start(options: StoresOptions): Promise<Stores> {
    const { folder, workers, cpuProfiles } = options;
    const profiling = `--cpu-prof --cpu-prof-dir=${cpuProfiles}`;
    const ours = await HoldfastServer.start([join(folder, "data")], {
      workers,
      more: ["--log-level", "warn"],
      ...(cpuProfiles !== undefined && { nodeOptions: profiling }),
    });
    return new Stores(ours, options);
  }

  /** The bare server whose answers have so many bytes. */
  async bare(bodyBytes: number): Promise<Store> {
    let found = this.#bare.get(bodyBytes);
    if (found === undefined) {
      found = await BareProcess.start(this.#options.workers, bodyBytes);
      this.#bare.set(bodyBytes, found);
    }
    const { endpoint, pid } = found;
    return { name: "bare node:http", kind: "bare", endpoint, pid, ...rootKey };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const bare of this.#bare.values()) bare[Symbol.dispose]();
    await this.#ours.stop();
  }
}

/** How to speak to a bucket of the store. */
export function targetOf(store: Store, bucket: string): Target {
  const { endpoint, accessKeyId, secretAccessKey } = store;
  const identity = { accessKeyId, secretAccessKey, region, sessionToken: undefined };
  const way = { virtualHost: false, insecure: false, ca: undefined, timeoutMs: 120_000 };
  return { endpoint, bucket, ...identity, ...way };
}

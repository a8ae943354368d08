import type { AccessKey } from "../../auth/access-key.ts";
import type { StoreErrorCode } from "../../base/errors.ts";
import type { DiskId, SessionId } from "../../format/ids.ts";
import type { DiskMount } from "../../keymap/disk-changes.ts";
import type { SessionRoster } from "../../server/session-roster.ts";
import type { Settings } from "../../server/settings.ts";
import type { NamedAnswer, TreeAnswer, TreeQuestion } from "../../server/tree-questions.ts";
import type { ShippingAccess } from "../client/shipping-target.ts";
import type { StoreLocation } from "../store/store-location.ts";
import type { TlsPair } from "../http/tls.ts";

/*
 * The messages between the supervisor and its workers. Nothing a request needs travels here, and
 * the channel is the leash: when it breaks, the worker ends.
 */

export type WorkerRole = "front-end" | "background";

/**
 * The first message to a worker: all it needs, so that no secret stands in an environment or a
 * command line.
 */
export interface StartMessage {
  readonly type: "start";
  /** front-end-1, background: kept across restarts. */
  readonly name: string;
  readonly role: WorkerRole;
  readonly location: StoreLocation;
  readonly settings: Settings;
  readonly rootKey: AccessKey;
  /** The key of secrets, in hexadecimal. */
  readonly secretsKey: string;
  /** How the bucket is reached that the index is shipped to; for the background worker. */
  readonly shippingAccess: ShippingAccess | undefined;
  readonly port: number;
  /** The last that could be used, where TLS is on: the files may hold something else just now. */
  readonly tlsPair: TlsPair | undefined;
  /** The log is for programs, also on a terminal. */
  readonly jsonLog: boolean;
  /** Why the last copy of the index on another disk did not become the index. */
  readonly moveFailure: string | undefined;
}

/** What became of a directory that the supervisor was asked to take in. */
export type TakenIn =
  | { readonly mount: DiskMount }
  | { readonly code: StoreErrorCode; readonly message: string };

export type ToWorker =
  | StartMessage
  /** Ends once requests under way have finished, or this time has passed. */
  | { readonly type: "stop"; readonly finishMs: number }
  /** The sessions that are alive, sent to the background worker. */
  | { readonly type: "roster"; readonly roster: SessionRoster }
  /** The data directories that are locked now; sent when they have changed, or their disks have. */
  | { readonly type: "directories"; readonly directories: StoreLocation["directories"] }
  /** Answers `take_in`: the mount, or why not. */
  | { readonly type: "taken_in"; readonly request: number; readonly result: TakenIn }
  | { readonly type: "ask"; readonly request: number; readonly question: TreeQuestion }
  /** Answers `gather`: what all others said. */
  | {
      readonly type: "gathered";
      readonly request: number;
      readonly answers: readonly NamedAnswer[];
    };

export type FromWorker =
  /** Its event loop goes on; sent every second. */
  | { readonly type: "alive" }
  | { readonly type: "opened"; readonly session: SessionId }
  | { readonly type: "ready" }
  /** It stops, and listens no more. */
  | { readonly type: "unbound" }
  | { readonly type: "answer"; readonly request: number; readonly answer: TreeAnswer }
  /** Asks all others. */
  | { readonly type: "gather"; readonly request: number; readonly question: TreeQuestion }
  /** Asks to have a directory locked and made one of the store's, if it is not. */
  | { readonly type: "take_in"; readonly request: number; readonly path: string }
  /** The registry was changed: all look at it. A disk that was removed is given up. */
  | { readonly type: "disks_changed"; readonly removed: readonly DiskId[] }
  /** There is a copy of the index on this disk: all processes end for it to become the index. */
  | { readonly type: "move_index"; readonly disk: DiskId }
  /** The index in this process saw a failed sync: every process must let go of it. */
  | { readonly type: "index_failed"; readonly message: string }
  /** The last words of a worker that ends by a failure it could name. */
  | {
      readonly type: "failed";
      readonly code: StoreErrorCode | undefined;
      readonly message: string;
    };

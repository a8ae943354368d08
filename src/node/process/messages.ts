import type { AccessKey } from "../../auth/access-key.ts";
import type { StoreErrorCode } from "../../base/errors.ts";
import type { SessionId } from "../../format/ids.ts";
import type { SessionRoster } from "../../server/session-roster.ts";
import type { Settings } from "../../server/settings.ts";
import type { NamedAnswer, TreeAnswer, TreeQuestion } from "../../server/tree-questions.ts";
import type { StoreLocation } from "../store/store-directories.ts";
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
  readonly port: number;
  /** The last that could be used, where TLS is on: the files may hold something else just now. */
  readonly tlsPair: TlsPair | undefined;
  /** The log is for programs, also on a terminal. */
  readonly jsonLog: boolean;
}

export type ToWorker =
  | StartMessage
  | { readonly type: "stop" }
  /** The sessions that are alive, sent to the background worker. */
  | { readonly type: "roster"; readonly roster: SessionRoster }
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
  | { readonly type: "answer"; readonly request: number; readonly answer: TreeAnswer }
  /** Asks all others. */
  | { readonly type: "gather"; readonly request: number; readonly question: TreeQuestion }
  /** The index in this process saw a failed sync: every process must let go of it. */
  | { readonly type: "index_failed"; readonly message: string }
  /** The last words of a worker that ends by a failure it could name. */
  | {
      readonly type: "failed";
      readonly code: StoreErrorCode | undefined;
      readonly message: string;
    };

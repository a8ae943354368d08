// Clients of the history in a process of their own: they get the address of the server, and report
// what they see.
import { S3Connection } from "../../../src/node/testing/s3-connection.ts";
import { rootIdentity } from "../holdfast-server.ts";
import { HistoryClient } from "./client.ts";
import { HistorySession } from "./history-session.ts";
import type { Observation } from "./observation.ts";

export interface StartMessage {
  readonly kind: "start";
  /** Unique in the run. */
  readonly name: string;
  /** The prefix of the run's keys. */
  readonly prefix: string;
  readonly endpoint: string;
  readonly clients: number;
}

export type ToClients =
  | StartMessage
  /** The server was started again. */
  | { readonly kind: "move"; readonly endpoint: string }
  | { readonly kind: "stop" };

export type FromClients =
  | { readonly kind: "seen"; readonly observations: readonly Observation[] }
  | { readonly kind: "done" };

/** Observations travel in batches of at most so many. */
const batchMax = 100;

let endpoint = "";
let isOver = false;
let seen: Observation[] = [];

function send(message: FromClients): void {
  process.send?.(message);
}

function flush(): void {
  send({ kind: "seen", observations: seen });
  seen = [];
}

function observe(observation: Observation): void {
  seen.push(observation);
  if (seen.length >= batchMax) flush();
}

async function run({ name, prefix, clients }: StartMessage): Promise<void> {
  const connect = (): S3Connection => new S3Connection(endpoint, rootIdentity);
  const all = Array.from({ length: clients }, (_, i) => {
    const session = new HistorySession({ name: `${name}${i}`, observe, connect });
    return new HistoryClient(session, prefix);
  });
  await Promise.all(all.map((client) => client.work(() => isOver)));
  flush();
  send({ kind: "done" });
}

process.on("disconnect", () => process.exit(1));
process.on("message", (message: ToClients) => {
  if (message.kind === "stop") isOver = true;
  else ({ endpoint } = message);
  if (message.kind === "start") void run(message);
});

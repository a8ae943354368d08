import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { processTree } from "../acceptance/processes.ts";

/** The resources that a server holds while nobody asks it anything. */
export interface ServerState {
  readonly pids: readonly number[];
  /** Values by process; empty where there is no /proc. */
  readonly handles: ReadonlyMap<number, Handles>;
  readonly privateBytes: number;
  /** Gauges of what requests under way hold, by name, of all processes together. */
  readonly held: ReadonlyMap<string, number>;
}

interface Handles {
  readonly sockets: number;
  readonly others: number;
}

/** Gauges that are zero when nothing is under way. */
const heldGauges = [
  "holdfast_upload_memory_bytes",
  "holdfast_upload_memory_waiting",
  "holdfast_answer_memory_bytes",
  "holdfast_access_keys_active",
  "holdfast_requests_under_way",
];

export async function serverState(pid: number, endpoint: string): Promise<ServerState> {
  const pids = processTree(pid).map((process) => process.pid);
  const handles = new Map<number, Handles>();
  let privateBytes = 0;
  for (const each of process.platform === "linux" ? pids : []) {
    handles.set(each, handlesOf(each));
    const status = readFileSync(`/proc/${each}/status`, "utf8");
    privateBytes += Number(/^RssAnon:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1024;
  }
  return { pids, handles, privateBytes, held: await heldOf(endpoint) };
}

function handlesOf(pid: number): Handles {
  let [sockets, others] = [0, 0];
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      if (readlinkSync(`/proc/${pid}/fd/${name}`).startsWith("socket:")) sockets++;
      else others++;
    } catch {
      // It was closed while we looked.
    }
  }
  return { sockets, others };
}

async function heldOf(endpoint: string): Promise<Map<string, number>> {
  const answer = await fetch(`${endpoint}/-/metrics`, { headers: { connection: "close" } });
  const text = await answer.text();
  const held = new Map<string, number>();
  for (const name of heldGauges) {
    const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))];
    if (!text.includes(`# TYPE ${name} `)) throw new Error(`there is no metric ${name}`);
    held.set(
      name,
      lines.reduce((sum, [, value]) => sum + Number(value), 0),
    );
  }
  return held;
}

/**
 * Memory that may come with use, once, of three processes: 48 MiB of chunks and 32 MiB of cached
 * records for each front end, young generations of 32 MiB, threads that hash, compiled code. Ten
 * minutes took 176 MiB, less than their first three.
 */
const growthBytesMax = 512 * 1024 * 1024;
/** A reader keeps the files of 512 extents open for half a minute, and a writer has some. */
const moreFilesMax = 640;
/** The one that asks for metrics, and one that is just being closed. */
const moreSocketsMax = 2;

/**
 * The resources that did not return to what they were; empty: none. Waits a while for those on
 * their way out.
 */
export async function leaks(
  before: ServerState,
  pid: number,
  endpoint: string,
): Promise<{ complaints: string[]; after: ServerState }> {
  for (let turn = 0; ; turn++) {
    const after = await serverState(pid, endpoint);
    const complaints = compare(before, after);
    if (complaints.length === 0 || turn === 20) return { complaints, after };
    await sleep(500);
  }
}

function compare(before: ServerState, after: ServerState): string[] {
  const complaints: string[] = [];
  if (before.pids.join() !== after.pids.join()) {
    complaints.push(`processes were ${before.pids.join()} and are ${after.pids.join()}`);
  }
  for (const [pid, { sockets, others }] of after.handles) {
    const earlier = before.handles.get(pid) ?? { sockets: 0, others: 0 };
    const moreSockets = sockets - earlier.sockets;
    const moreFiles = others - earlier.others;
    if (moreSockets > moreSocketsMax)
      complaints.push(`process ${pid} has ${moreSockets} more sockets`);
    if (moreFiles > moreFilesMax)
      complaints.push(`process ${pid} has ${moreFiles} more files open`);
  }
  const grown = after.privateBytes - before.privateBytes;
  if (grown > growthBytesMax) complaints.push(`private memory has grown by ${grown >> 20} MiB`);
  for (const [name, value] of after.held) {
    if (value !== 0) complaints.push(`${name} is ${value} with nothing under way`);
  }
  return complaints;
}

import {
  millisecondsText,
  parseFilter,
  phasesText,
  type RequestEntry,
  resourceText,
} from "../admin/request-entry.ts";
import { tracePath } from "../admin/trace-page.ts";
import { StoreError } from "../base/errors.ts";
import { type Command, exitStatus, type Flag, type GivenFlags } from "./command.ts";
import { askLines, connectionFlags, connectionOf } from "./connection.ts";
import { untilInterrupted } from "./stop-signal.ts";

/** These flags go to the server as they are. */
const filterFlags: readonly Flag[] = [
  { name: "operation", value: "NAME", help: "only this operation, such as PutObject" },
  { name: "bucket", value: "NAME", help: "only this bucket" },
  { name: "prefix", value: "TEXT", help: "only keys with this prefix" },
  { name: "status", value: "STATUS", help: "only this status, such as 404, or 5xx" },
  {
    name: "slower-than",
    value: "TIME",
    help: "only requests that took longer, such as 100ms or 2s",
  },
  { name: "errors", help: "only requests that ended in an error" },
  { name: "access-key", value: "ID", help: "only requests signed with this access key" },
];

export const trace: Command = {
  name: "trace",
  summary: "follow the requests of a running server",
  usage: "trace [--bucket NAME] [--operation NAME] [--errors] [FLAGS]",
  flags: [
    ...filterFlags,
    { name: "under-way", help: "list requests under way with age and phase, then exit" },
    { name: "count", value: "N", help: "exit after N requests" },
    ...connectionFlags,
    { name: "json", help: "print lines of JSON" },
  ],
  run: runTrace,
};

async function runTrace(given: GivenFlags): Promise<number> {
  const connection = await connectionOf(given);
  const countMax = countOf(given.flags.get("count"));
  const isJson = given.flags.has("json");
  const stop = untilInterrupted();
  const enough = new AbortController();
  const ending = AbortSignal.any([stop, enough.signal]);
  let isHeaded = isJson;
  let count = 0;
  for await (const line of askLines(connection, targetOf(given), ending)) {
    if (!isHeaded) console.log(traceHead());
    isHeaded = true;
    if (line === "") continue;
    // The server writes entries, and the number of those it dropped.
    const message = JSON.parse(line) as RequestEntry | { readonly lost: number };
    if ("lost" in message) {
      console.error(`holdfast: ${message.lost} trace entries dropped`);
      continue;
    }
    console.log(isJson ? line : traceRow(message));
    count++;
    if (count === countMax) {
      enough.abort();
      break;
    }
  }
  if (ending.aborted || given.flags.has("under-way")) return exitStatus.ok;
  throw new StoreError("unavailable", `the server at ${connection.endpoint} has ended the trace`);
}

function targetOf({ flags }: GivenFlags): string {
  const filters = filterFlags.filter(({ name }) => flags.has(name));
  const given = new Map(filters.map(({ name }) => [name, flags.get(name) ?? ""]));
  parseFilter(given); // what is wrong is said here, before anybody is asked
  const parameters = [...given].map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  if (flags.has("under-way")) parameters.push("under-way=");
  return parameters.length === 0 ? tracePath : `${tracePath}?${parameters.join("&")}`;
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new StoreError("invalid", `--count: "${text}" is not a number from 1`);
}

/** Fixed widths: rows come one after the other, so the widest text is not known in advance. */
const widths = [12, 20, 6, 10, 9, 14, 16];
const heads = ["TIME", "OPERATION", "STATUS", "MS", "FIRST MS", "WHO", "ADDRESS", "WHAT"];

export function traceHead(): string {
  return row(heads);
}

/** One line: who, what, how long, and where the time went. */
export function traceRow(entry: RequestEntry): string {
  const { status, totalMs, firstByteMs, owner, accessKey, address, code, phase } = entry;
  const texts = [
    entry.time.slice(11, 23),
    entry.operation === "none" ? entry.method : entry.operation,
    status === undefined ? "…" : String(status),
    millisecondsText(totalMs),
    firstByteMs === undefined ? "-" : millisecondsText(firstByteMs),
    owner ?? accessKey ?? "-",
    address ?? "-",
    resourceText(entry),
  ];
  const now = phase === undefined ? "" : ` in ${phase}`;
  const error = code === undefined ? "" : ` ${code}`;
  return `${row(texts)}${error}${now}  (${phasesText(entry)})  ${entry.requestId}`;
}

function row(texts: readonly string[]): string {
  return texts
    .map((text, i) => text.padEnd(widths[i] ?? 0))
    .join("  ")
    .trimEnd();
}

import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { oneOf, whole } from "../flag-values.ts";
import { type RequestKind, requestKinds } from "./requests.ts";

/** Measurements of one front end without a socket, by the name that `--only` has for them. */
export const handlerMeasurements = ["steps", "handler"] as const;

export interface HandlerRun {
  readonly only: (typeof handlerMeasurements)[number];
  /** Another checkout, measured in turn with this one. */
  readonly against: string | undefined;
  readonly kinds: readonly RequestKind[];
  readonly rounds: number;
  readonly connections: number;
  /**
   * The most requests of one burst; otherwise as many of each kind as take a few tenths of a
   * second.
   */
  readonly requests: number | undefined;
  readonly json: boolean;
}

export const handlerHelp = `npm run bench -- --only steps|handler [flags]: measures one front
end, in a process, without a socket
  --only steps        calls, files and promises of one small PUT and of one cached GET
  --only handler      processor time of a request of each kind
  --against PATH      another checkout (with its node_modules), in turn with this one
  --request NAME      some of ${requestKinds.join(", ")}; again for more
  --rounds N          of each kind and checkout (7)
  --connections N     requests at a time (64)
  --requests N        of one burst at most (as many as take a few tenths of a second)
  --json              one line of JSON`;

/** True if the flags ask for a measurement without a socket. */
export function isHandlerRun(args: readonly string[]): boolean {
  const only = args.flatMap((arg, i) =>
    arg === "--only" ? [args[i + 1] ?? ""] : arg.startsWith("--only=") ? [arg.slice(7)] : [],
  );
  return only.some((name) => handlerMeasurements.some((each) => each === name));
}

/** Throws an Error that says what is wrong with the flags. */
export function parseHandlerRun(args: readonly string[]): HandlerRun {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: "handler" },
      against: { type: "string" },
      request: { type: "string", multiple: true },
      rounds: { type: "string", default: "7" },
      connections: { type: "string", default: "64" },
      requests: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const { against, request, requests, json } = values;
  return {
    only: oneOf("only", handlerMeasurements, values.only),
    against: against === undefined ? undefined : resolve(against),
    kinds: request?.map((name) => oneOf("request", requestKinds, name)) ?? requestKinds,
    rounds: whole("rounds", values.rounds),
    connections: whole("connections", values.connections),
    requests: requests === undefined ? undefined : whole("requests", requests),
    json,
  };
}

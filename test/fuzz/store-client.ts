import type { Draft } from "./draft.ts";
import type { Answer, FuzzPeer } from "./fuzz-peer.ts";
import { plain } from "./wire-faults.ts";
import { toWire } from "./wire.ts";

/** How many requests are sent before the first is answered. */
const pipelinedMax = 8;

export interface Asked {
  readonly method: string;
  /** The path with its query, escaped. */
  readonly path: string;
  readonly body?: string;
}

/** Well-behaved requests about what the others left, pipelined. Throws where one has no answer. */
export async function askAll(
  peer: FuzzPeer,
  host: string,
  asked: readonly Asked[],
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < asked.length; at += pipelinedMax) {
    const some = asked.slice(at, at + pipelinedMax);
    const bytes = Buffer.concat(
      some.map((each) => plain(toWire(draftOf(each), host, Date.now())).bytes),
    );
    const heads = some.map(({ method }) => method === "HEAD");
    const outcome = await peer.exchange(bytes, heads, "whole");
    if (outcome.answers.length < some.length) {
      throw new Error(`${some[outcome.answers.length]?.path}: ${outcome.end} without an answer`);
    }
    answers.push(...outcome.answers);
  }
  return answers;
}

export async function ask(peer: FuzzPeer, host: string, asked: Asked): Promise<Answer> {
  const [answer] = await askAll(peer, host, [asked]);
  if (answer === undefined) throw new Error("there is one for each");
  return answer;
}

function draftOf({ method, path, body = "" }: Asked): Draft {
  const bytes = Buffer.from(body);
  const base = { operation: "", query: [], headers: [], auth: "signed" as const, faults: [] };
  return { ...base, method, path, body: bytes };
}

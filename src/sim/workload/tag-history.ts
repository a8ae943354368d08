import type { NameValue } from "../../format/object-row.ts";
import { Violation } from "../history.ts";
import type { ValueName } from "../key-state.ts";
import { absent } from "../key-state.ts";
import type { Attempt, ClientSession } from "./context.ts";

/*
 * The tags of one version are a register of their own, whose history is judged as that of a key in
 * a bucket without versions. Values are written once, so their names are names for these.
 */

const tagName = "of";

export function tagsCalled(name: ValueName): NameValue[] {
  return [[tagName, name]];
}

export function addTagsWrite(
  session: ClientSession,
  version: ValueName,
  attempt: Attempt<unknown>,
  value: ValueName,
): void {
  const write = { kind: "write", value, condition: { kind: "always" } } as const;
  session.add(registerOf(session, version), attempt, write, attempt.kind === "answer");
}

export function addTagsRead(
  session: ClientSession,
  version: ValueName,
  attempt: Attempt<unknown>,
  tags: readonly NameValue[],
): void {
  const [tag] = tags;
  if (tags.length > 1) throw new Violation(`C2: ${attempt.label}: ${tags.length} tags`);
  if (tag === undefined && !session.context.tagged.has(version)) return;
  session.add(registerOf(session, version), attempt, { kind: "read", value: tag?.[1] ?? absent });
}

function registerOf({ context }: ClientSession, version: ValueName): string {
  const target = `tags of ${version}`;
  if (!context.tagged.has(version)) {
    context.tagged.add(version);
    const step = { kind: "bucketMade" } as const;
    context.history.add(target, { step, start: 0, end: 0, certain: true, label: "its write" });
  }
  return target;
}

import type { ExtentRow } from "../../format/extent-row.ts";

/** The members in the order in which they are worth a look: the noted state may be out of date. */
export function membersToRead({ members }: Pick<ExtentRow, "members">): number[] {
  const inOrder = [...members.keys()];
  const isWhole = (member: number): boolean => members[member]?.state === "whole";
  return [...inOrder.filter(isWhole), ...inOrder.filter((member) => !isWhole(member))];
}

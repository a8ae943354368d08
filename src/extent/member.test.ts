import { createHash } from "../node/platform/hash.ts";
import { testMember } from "./member.suite.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

testMember("in memory", { hash: createHash(), log: () => undefined }, (work) =>
  work(new MemoryDisk()),
);

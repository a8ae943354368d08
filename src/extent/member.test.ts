import { createHash } from "../node/platform/hash.ts";
import { createLocalMembers, testMembers } from "./member.suite.ts";
import { MemoryDisk } from "./testing/memory-disk.ts";

testMembers("in memory", createLocalMembers(createHash()), (work) => work(new MemoryDisk()));

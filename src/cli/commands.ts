import type { Command } from "./command.ts";
import { check } from "./check.ts";
import { env } from "./env.ts";
import { keyCreate } from "./key-create.ts";
import { keyDelete } from "./key-delete.ts";
import { keyList } from "./key-list.ts";
import { serve } from "./serve.ts";
import { status } from "./status.ts";
import { trace } from "./trace.ts";

/** In the order the help lists them. */
export const commands: readonly Command[] = [
  serve,
  env,
  check,
  status,
  trace,
  keyCreate,
  keyList,
  keyDelete,
];

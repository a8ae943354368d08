import type { Command } from "./command.ts";
import { check } from "./check.ts";
import { serve } from "./serve.ts";
import { status } from "./status.ts";

/** In the order the help lists them. */
export const commands: readonly Command[] = [serve, check, status];

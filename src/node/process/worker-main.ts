import { isStoreError, messageOf } from "../../base/errors.ts";
import { createLog } from "../platform/log.ts";
import { createPlatform } from "../platform/platform.ts";
import { runBackground, runFrontEnd } from "./worker-roles.ts";
import { WorkerChannel } from "./worker-channel.ts";

// The process that the supervisor starts for each worker: waits for the message that names its
// role, runs that role, and ends.

const channel = new WorkerChannel();
const start = await channel.started;
const platform = createPlatform({
  log: createLog({
    level: start.settings["log-level"],
    style: start.jsonLog ? "json" : undefined,
  }),
});
channel.onFault = (thrown) => {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  platform.log("error", "message_failed", { message: messageOf(thrown), stack });
};
try {
  const run = start.role === "front-end" ? runFrontEnd : runBackground;
  await run(platform, channel, start);
  process.exitCode = 0;
} catch (error) {
  const code = isStoreError(error) ? error.code : undefined;
  const stack = code === undefined && error instanceof Error ? error.stack : undefined;
  platform.log("error", "worker_failed", { role: start.role, message: messageOf(error), stack });
  channel.send({ type: "failed", code, message: messageOf(error) });
  process.exitCode = 1;
}
// Nothing is under way any more; what may still hold the process up (a keep-alive timer, the
// channel) is not waited for.
process.disconnect?.();

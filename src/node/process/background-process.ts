import type { Platform } from "../../platform/platform.ts";
import { openBackground } from "../../server/background.ts";
import { runServices } from "../../server/run-services.ts";
import { isAlive } from "../../server/session-roster.ts";
import { openStore } from "../store/open-store.ts";
import type { StartMessage } from "./messages.ts";
import { sampleProcess } from "./process-metrics.ts";
import type { WorkerChannel } from "./worker-channel.ts";

/** Does what no request waits for, until told to stop. */
export async function runBackground(
  platform: Platform,
  channel: WorkerChannel,
  start: StartMessage,
): Promise<void> {
  const { settings, location } = start;
  const opened = await openStore(platform, location, (cause) => {
    channel.indexFailed(cause);
  });
  const background = await openBackground({
    machine: opened.machine,
    sealAfterMs: settings["seal-after"],
    compactAt: settings["compact-at"],
    uploadIdleDays: settings["upload-idle-days"],
    verifyIndexMs: settings["verify-index-every"],
    isAlive: (session) => isAlive(channel.roster, session),
  });
  channel.send({ type: "opened", session: background.session });
  sampleProcess(background.metrics);
  channel.answer = (question) => background.answer(question);
  // Whoever died while reading holds pages that could be used again.
  channel.onRoster = () => opened.index.clearStaleReaders();
  channel.send({ type: "ready" });
  try {
    await runServices(background.services, channel.stopSignal);
  } finally {
    channel.onRoster = undefined;
    await background.close();
    await opened.close();
  }
}

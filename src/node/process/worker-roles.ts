import { must } from "../../base/assert.ts";
import { fromHex } from "../../base/bytes.ts";
import type { Platform, Service } from "../../platform/platform.ts";
import { partsPerCommitMax } from "../../rows/uploads.ts";
import { openBackground } from "../../server/background-process.ts";
import { openFrontEnd } from "../../server/front-end.ts";
import { rootCredentials } from "../../server/root-credentials.ts";
import { runServices } from "../../server/services.ts";
import { isAlive } from "../../server/session-roster.ts";
import type { Settings } from "../../server/settings.ts";
import type { WriterLimits } from "../../server/store-core.ts";
import { HttpServer } from "../http/http-server.ts";
import { tlsFilesOf } from "../http/tls.ts";
import { createSecretCipher } from "../platform/secret-cipher.ts";
import { openShippingTarget } from "../client/shipping-target.ts";
import { openStore } from "../store/open-store.ts";
import { diskFeedOf } from "./directory-feed.ts";
import { indexMoverOf } from "./index-mover.ts";
import type { StartMessage } from "./messages.ts";
import { sampleHttp, sampleProcess } from "./process-metrics.ts";
import { RequestLines } from "./request-lines.ts";
import type { WorkerChannel } from "./worker-channel.ts";

/** Serves S3 on the shared port until asked to stop. */
export async function runFrontEnd(
  platform: Platform,
  channel: WorkerChannel,
  start: StartMessage,
): Promise<void> {
  const { settings, location, port, rootKey, name } = start;
  const secretsKey = must(fromHex(start.secretsKey), "a secrets key is hexadecimal");
  const opened = await openStore(platform, location, (cause) => {
    channel.indexFailed(cause);
  });
  const log = new RequestLines(start.jsonLog);
  const frontEnd = await openFrontEnd({
    machine: { ...opened.machine, diskFeed: diskFeedOf(platform, channel, opened) },
    rootKey: rootCredentials(rootKey, location.store, platform.hash),
    secretCipher: createSecretCipher(secretsKey, platform.random),
    region: settings.region,
    domains: settings.domain,
    acceptsV2: settings["signature-v2"] === "on",
    limits: { ...writerLimits(settings), reserveBytes: settings.reserve },
    partsPerCommit: partsPerCommitMax,
    requestsPerKey: settings["requests-per-key"],
    name,
    requestLog: { which: settings["request-log"], write: (record) => log.write(record) },
    askOthers: (question) => channel.gather(question),
    stopping: channel.stopSignal,
    directoryOwner: {
      takeIn: (path) => channel.takeIn(path),
      disksChanged: (removed) => channel.disksChanged(removed),
    },
  });
  channel.send({ type: "opened", session: frontEnd.core.keymap.session.id });
  sampleProcess(frontEnd.metrics);
  channel.answer = (question) => frontEnd.answer(question);
  const http = new HttpServer({
    handler: frontEnd.handler,
    log: platform.log,
    host: settings.listen.host,
    port,
    shared: true,
    socket: channel.socket,
    tls: tlsFilesOf(settings["tls-cert"], settings["tls-key"]),
    tlsPair: start.tlsPair,
    finishMs: () => channel.finishMs ?? settings.drain,
    limits: { connections: settings.connections, requests: settings.requests },
  });
  log.sample(frontEnd.metrics);
  sampleHttp(frontEnd.metrics, () => http.statistics());
  const announced: Service = {
    name: http.name,
    run: async (signal) => {
      void http.listening.then(
        () => channel.send({ type: "ready" }, http.socket),
        () => undefined, // run() throws it
      );
      // It closes its socket at once then; a copy that is kept longer would take connections.
      signal.addEventListener("abort", () => channel.send({ type: "unbound" }), { once: true });
      await http.run(signal);
    },
  };
  try {
    await runServices([...frontEnd.services, announced], channel.stopSignal);
  } finally {
    await frontEnd.close();
    await opened.close();
  }
}

function writerLimits(settings: Settings): Pick<WriterLimits, "sealAfterMs" | "extentBytes"> {
  return { sealAfterMs: settings["seal-after"], extentBytes: settings["extent-size"] };
}

/** Does the work that no request waits for, until asked to stop. */
export async function runBackground(
  platform: Platform,
  channel: WorkerChannel,
  start: StartMessage,
): Promise<void> {
  const { settings, location } = start;
  const uploadIdleDays = settings["upload-idle-days"];
  const place = settings["ship-index"];
  const opened = await openStore(platform, location, (cause) => {
    channel.indexFailed(cause);
  });
  const background = await openBackground({
    machine: { ...opened.machine, diskFeed: diskFeedOf(platform, channel, opened) },
    writerLimits: writerLimits(settings),
    limits: {
      deadShare: settings["compact-at"],
      smallBytes: settings["code-from"],
      encodedBytesMin: settings["code-from"],
      transferShare: settings["background-share"],
      diskGraceMs: settings["repair-after"],
      scrubMs: settings["scrub-days"] * 24 * 3_600_000,
      restoreWindowMs: settings["restore-window"],
      uploadIdleMs: uploadIdleDays === 0 ? undefined : uploadIdleDays * 24 * 3_600_000,
    },
    verifyIndexMs: settings["verify-index-every"],
    shippingTarget:
      place && openShippingTarget(platform.clock, place, settings, start.shippingAccess),
    indexMover: indexMoverOf(platform, channel, start),
    isAlive: (session) => isAlive(channel.roster, session),
    askOthers: (question) => channel.gather(question),
  });
  channel.send({ type: "opened", session: background.core.keymap.session.id });
  sampleProcess(background.metrics);
  channel.answer = (question) => background.answer(question);
  // A process that died while reading holds pages that could be used again.
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

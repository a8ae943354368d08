import { adminPrefix, createAdminHandler } from "../admin/admin-handler.ts";
import { Metrics, type ProcessMetrics } from "../admin/metrics.ts";
import { isFromBrowser } from "../admin/welcome-page.ts";
import { authorize } from "../auth/authorize.ts";
import { createRequestVerifier } from "../auth/verify-request.ts";
import { bucketOfHost } from "../auth/virtual-host.ts";
import { DiskSurvey } from "../control/redundancy/disk-survey.ts";
import { createLossCheck } from "../erasure/losses.ts";
import { createProcessStore, type ProcessStore } from "../object/object-store.ts";
import type { HttpHandler, RequestHead } from "../platform/http.ts";
import type { SecretCipher, Service } from "../platform/platform.ts";
import { RequestsPerKey } from "../s3/request/requests-per-key.ts";
import { createS3Handler } from "../s3/s3-handler.ts";
import { StoredSchemes } from "./schemes.ts";
import { StoredAccessKeys } from "./access-keys.ts";
import { type DirectoryOwner, StoredDisks } from "./disk-administration.ts";
import { faultsIn, sampleDiskCounts } from "./disk-metrics.ts";
import { createLookUp } from "./look-up.ts";
import { OrderedWork } from "./ordered-work.ts";
import { readiness } from "./readiness.ts";
import { RequestMetrics } from "./request-metrics.ts";
import { type RequestLog, RequestWatch, traceSource } from "./request-watch.ts";
import type { RootCredentials } from "./root-credentials.ts";
import { RestartingServices } from "./services.ts";
import { sampleAdmission, sampleIndexDamage, sampleStore } from "./store-metrics.ts";
import {
  openStoreCore,
  type StoreMachine,
  type StoreCore,
  type WriterLimits,
} from "./store-core.ts";
import type { AskOthers, DiskFigures, TreeAnswer, TreeQuestion } from "./tree-questions.ts";
import { beginInSlices } from "./turn-slices.ts";
import { sampleReader } from "./read-metrics.ts";

export interface FrontEndOptions {
  readonly machine: StoreMachine;
  /** The root's key; it is looked for before the keys in the index. */
  readonly rootKey: RootCredentials;
  /** Decrypts the secrets of the keys in the index. */
  readonly secretCipher: SecretCipher;
  readonly region: string;
  readonly domains: readonly string[];
  /** True if Signature V2 is accepted. */
  readonly acceptsV2: boolean;
  readonly limits: WriterLimits;
  /** Parts of an upload whose rows one commit takes. */
  readonly partsPerCommit: number;
  /** The most requests under way for one access key in this process. */
  readonly requestsPerKey: number;
  /** The name of this process, kept across restarts. */
  readonly name: string;
  readonly requestLog: RequestLog;
  /** Reaches the other processes of the tree. */
  readonly askOthers: AskOthers;
  /** Aborts when the process must stop. */
  readonly stopping: AbortSignal;
  /** Undefined where the disks are fixed. */
  readonly directoryOwner?: DirectoryOwner | undefined;
}

/** A process that serves S3: everything but the socket. */
export interface FrontEnd {
  readonly core: StoreCore;
  /** The store that its requests use. */
  readonly objects: ProcessStore;
  readonly handler: HttpHandler;
  /** Services for runServices, each after those it needs; what answers requests comes last. */
  readonly services: readonly Service[];
  readonly metrics: Metrics;
  /** Answers a question of another process of the tree. */
  answer(question: TreeQuestion): TreeAnswer;
  /** Called after the services have ended. Engines and disks are the caller's. */
  close(): Promise<void>;
}

export async function openFrontEnd(options: FrontEndOptions): Promise<FrontEnd> {
  const { machine, rootKey, secretCipher, region, domains, name, askOthers, stopping } = options;
  const { platform } = machine;
  const core = await openStoreCore(machine, "front-end", options.limits);
  const { damage, keymap, writer, reader, reads, services } = core;
  const keys = new StoredAccessKeys({ platform, keymap, cipher: secretCipher, rootKey });
  const verifier = createRequestVerifier({
    ...platform,
    region,
    domains,
    acceptsV2: options.acceptsV2,
  });
  const { clock } = platform;
  const { partsPerCommit } = options;
  const shared = { platform, keymap, writer, reader, reads, region, partsPerCommit };
  const objects = createProcessStore(shared);
  const metrics = new Metrics();
  const restarting = new RestartingServices(platform, metrics);
  sampleStore(metrics, machine.engines, writer);
  sampleReader(metrics, reader);
  sampleDiskCounts(metrics, machine.diskFeed);
  sampleIndexDamage(metrics, damage);
  const requests = new RequestMetrics(metrics);
  const perKey = new RequestsPerKey(options.requestsPerKey);
  const watch = new RequestWatch({ clock, process: name, requests, log: options.requestLog });
  sampleAdmission(metrics, { requests, perKey, ...objects });
  const s3 = createS3Handler({
    platform,
    objects,
    verifier,
    lookUp: createLookUp(objects, keys),
    credentials: keys,
    authorize,
    region,
    domains,
    perKey,
    observer: watch,
  });
  // Requests to the admin pages do not wait for the slices of S3's requests.
  const inSlices = beginInSlices(clock, s3);
  const survey = new DiskSurvey({ platform, disks: machine.disks, keymap });
  const schemes = new StoredSchemes({
    clock,
    keymap,
    topology: async () => (await survey.now()).topology,
    canLose: createLossCheck(),
  });
  const admin = createAdminHandler({
    schemes: { platform, verifier, keys, schemes },
    accessKeys: { platform, keys, verifier },
    disks: { platform, keys, verifier, disks: storedDisks(options, core) },
    work: { platform, keys, verifier, work: new OrderedWork({ clock, keymap, askOthers }) },
    trace: { platform, verifier, keys, source: traceSource(watch, askOthers), stopping },
    log: platform.log,
    metrics: () => gatherMetrics(name, metrics, askOthers),
    ready: () => readiness(core, machine.disks),
  });
  return {
    core,
    objects,
    handler: (request) => (isForAdmin(request.head, domains) ? admin(request) : inSlices(request)),
    services: services.map((service) => restarting.wrap(service)),
    metrics,
    answer(question) {
      if (question.kind === "metrics") return { families: metrics.read() };
      if (question.kind === "disks") return { disks: faultsIn(machine.diskFeed, reader) };
      return watch.answer(question);
    },
    close: () => reader.close(),
  };
}

function storedDisks(
  { machine, directoryOwner: owner, askOthers }: FrontEndOptions,
  { keymap, table, writer, reader }: StoreCore,
): StoredDisks | undefined {
  if (owner === undefined) return undefined;
  const { platform, disks } = machine;
  const own = (): readonly DiskFigures[] => faultsIn(machine.diskFeed, reader);
  return new StoredDisks({ platform, keymap, disks, table, writer, owner, own, askOthers });
}

/** The metrics of the whole tree of processes, this one's first. */
async function gatherMetrics(
  process: string,
  own: Metrics,
  askOthers: AskOthers,
): Promise<readonly ProcessMetrics[]> {
  const others = await askOthers({ kind: "metrics" });
  return [
    { process, families: own.read() },
    ...others.map(({ process: name, answer }) => ({
      process: name,
      families: answer.families ?? [],
    })),
  ];
}

/**
 * A path that begins with /-/, or a browser at the root; except as a key of the bucket that the
 * host names.
 */
function isForAdmin(head: RequestHead, domains: readonly string[]): boolean {
  if (!head.path.startsWith(adminPrefix) && !isFromBrowser(head)) return false;
  return bucketOfHost(head.host, domains) === undefined;
}

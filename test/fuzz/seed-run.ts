import { createHash } from "node:crypto";
import { SeededRandom } from "../../src/platform/seeded-random.ts";
import { addFault } from "./draft-faults.ts";
import { type World, validDraft } from "./drafts.ts";
import { type Draft, isAdminPath, targetOf } from "./draft.ts";
import { applyDone, applyUnknown, meaningOf, type Meaning } from "./effects.ts";
import { errorCode, formComplaint, isDone } from "./judge.ts";
import { BucketModel } from "./model.ts";
import { type Delivery, type Outcome, FuzzPeer } from "./fuzz-peer.ts";
import { ask } from "./store-client.ts";
import type { FuzzTally } from "./fuzz-tally.ts";
import { Verification } from "./verify.ts";
import { damageWire, garbageSent, plain, type Sent } from "./wire-faults.ts";
import { toWire } from "./wire.ts";

export const casesPerSeed = 250;

export interface Finding {
  readonly seed: number;
  readonly what: string;
}

interface Case {
  readonly draft: Draft | undefined;
  readonly meaning: Meaning | undefined;
  readonly sent: Sent;
}

/** A client with buckets of its own that does everything a seed says, one thing after the other. */
export class SeedRun {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #host: string;
  readonly #peer: FuzzPeer;
  readonly #world: World;
  readonly #tally: FuzzTally;
  readonly #unexpected = new Set<string>();
  readonly findings: Finding[] = [];

  constructor(seed: number, port: number, tally: FuzzTally) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
    this.#host = `127.0.0.1:${port}`;
    this.#peer = new FuzzPeer(port);
    this.#tally = tally;
    // No damage to one name makes that of another seed.
    const name = createHash("sha256").update(String(seed)).digest("hex").slice(0, 20);
    const buckets = [new BucketModel(`fuzz-${name}-a`), new BucketModel(`fuzz-${name}-b`)];
    this.#world = { random: this.#random, buckets, nextContent: seed * 1000 };
  }

  async run(): Promise<void> {
    try {
      await this.#createBuckets();
      for (let done = 0; done < casesPerSeed;) done += await this.#step();
      await this.#verify();
    } catch (error) {
      this.#find(`the run broke off: ${error instanceof Error ? error.stack : String(error)}`);
    }
    this.#peer.close();
  }

  async #createBuckets(): Promise<void> {
    const status = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    const [first, second] = this.#world.buckets;
    for (const bucket of [first!, second!]) {
      await ask(this.#peer, this.#host, { method: "PUT", path: `/${bucket.name}` });
    }
    await ask(this.#peer, this.#host, {
      method: "PUT",
      path: `/${second!.name}?versioning`,
      body: status,
    });
  }

  /** One case, or some that are pipelined; how many. */
  async #step(): Promise<number> {
    const random = this.#random;
    if (random.chance(0.1)) return this.#pipelined(random.between(2, 6));
    const made = this.#makeCase();
    const delivery: Delivery = random.chance(0.03) ? "pieces" : "whole";
    const isHead = /^\s*HEAD /.test(made.sent.bytes.toString("latin1", 0, 40));
    if (made.sent.framed && isDroppable(made) && random.chance(0.02)) {
      await this.#peer.drop(made.sent.bytes);
      this.#unknown(made);
      this.#tally.dropped(nameOf(made));
      return 1;
    }
    const outcome = made.sent.framed
      ? await this.#peer.exchange(made.sent.bytes, [isHead], delivery)
      : await this.#peer.exchangeLast(made.sent.bytes, isHead, delivery);
    this.#judge(made, outcome, 0);
    if (!made.sent.framed) this.#judgeRest(made, outcome);
    await this.#recreate();
    return 1;
  }

  async #pipelined(count: number): Promise<number> {
    const made: Case[] = [];
    while (made.length < count) {
      const next = this.#makeCase(true);
      // Its effect must be known to who comes after it.
      if (next.meaning?.operation !== "DeleteBucket") made.push(next);
    }
    const heads = made.map(({ draft }) => draft?.method === "HEAD");
    const bytes = Buffer.concat(made.map(({ sent }) => sent.bytes));
    const outcome = await this.#peer.exchange(bytes, heads, "whole");
    // An answer that ends the connection ends what was asked behind it.
    for (const [index, each] of made.entries()) this.#judge(each, outcome, index);
    await this.#recreate();
    return count;
  }

  #makeCase(framedOnly = false): Case {
    const random = this.#random;
    if (!framedOnly && random.chance(0.03)) {
      return { draft: undefined, meaning: undefined, sent: garbageSent(random) };
    }
    const draft = validDraft(this.#world);
    // A request that HTTP cannot carry ends the connection, and with it the requests that share it.
    const faults = framedOnly ? 0 : random.pick([0, 0, 1, 1, 1, 2, 3]);
    for (let i = 0; i < faults; i++) addFault(draft, random);
    const wire = toWire(draft, this.#host, Date.now());
    const isDamaged = !framedOnly && random.chance(draft.faults.length === 0 ? 0.4 : 0.05);
    const sent = isDamaged ? damageWire(wire, random) : plain(wire);
    return { draft, meaning: meaningOf(draft), sent };
  }

  #judge(made: Case, outcome: Outcome, index: number): void {
    const answer = outcome.answers[index];
    const { draft, sent } = made;
    this.#tally.count(nameOf(made), answer?.status ?? outcome.end);
    if (outcome.unreadable !== undefined) this.#findIn(made, `unreadable: ${outcome.unreadable}`);
    if (answer === undefined) {
      if (outcome.end === "late") this.#findIn(made, "no answer");
      if (outcome.end === "broken") this.#findIn(made, "the answer broke off");
      // Behind an answer that ends the connection nothing is read; without such a one, one more may
      // have been.
      const isEnded = outcome.answers.at(-1)?.header("connection") === "close";
      if (isEnded || outcome.answers.length < index || mustFail(made)) return;
      this.#unknown(made);
      const isClean = sent.framed && draft?.faults.length === 0;
      if (isClean) this.#findIn(made, "closed without an answer");
      return;
    }
    const complaint = formComplaint(answer, draft?.method === "HEAD", draft?.path ?? "");
    if (complaint !== undefined) this.#findIn(made, complaint);
    if (answer.status >= 500) this.#unknown(made);
    if (!isDone(answer)) {
      this.#tally.error(errorCode(answer) ?? "");
      return;
    }
    if (mustFail(made)) this.#findIn(made, `answered ${answer.status}, and must fail`);
    const wrong = this.#done(made, answer);
    if (wrong !== undefined) this.#findIn(made, wrong);
  }

  /** Judges answers to bytes that were left over and taken for requests: nobody signed those. */
  #judgeRest(made: Case, { answers }: Outcome): void {
    for (const answer of answers.slice(1)) {
      const complaint = formComplaint(answer, false, "");
      if (complaint !== undefined) this.#findIn(made, `behind it: ${complaint}`);
      if (isDone(answer)) this.#findIn(made, `behind it: answered ${answer.status}`);
    }
  }

  #done({ draft, meaning }: Case, answer: Outcome["answers"][number]): string | undefined {
    if (draft === undefined || isAdminPath(draft.path)) return undefined;
    if (meaning === undefined) return `answered ${answer.status}, but asks for nothing`;
    const { operation, target } = meaning;
    const bucket = this.#bucketOf(meaning);
    if (operation === "CreateBucket" && bucket === undefined) this.#unexpected.add(target.bucket);
    if (target.kind === "service" || this.#unexpected.has(target.bucket)) return undefined;
    if (bucket === undefined) return `answered ${answer.status} for a bucket that is not there`;
    return applyDone({ draft, meaning, bucket, buckets: this.#world.buckets }, answer);
  }

  #unknown({ draft, meaning }: Case): void {
    const bucket = meaning && this.#bucketOf(meaning);
    if (draft === undefined || meaning === undefined) return;
    const isNew = meaning.operation === "CreateBucket" && bucket === undefined;
    if (isNew) this.#unexpected.add(meaning.target.bucket);
    if (bucket !== undefined)
      applyUnknown({ draft, meaning, bucket, buckets: this.#world.buckets });
  }

  #bucketOf({ target }: Meaning): BucketModel | undefined {
    return this.#world.buckets.find(({ name }) => name === target.bucket);
  }

  async #recreate(): Promise<void> {
    for (const bucket of this.#world.buckets) {
      if (!bucket.gone) continue;
      bucket.gone = false;
      await ask(this.#peer, this.#host, { method: "PUT", path: `/${bucket.name}` });
    }
  }

  async #verify(): Promise<void> {
    const verification = new Verification(this.#peer, this.#host);
    const own = this.#world.buckets.map(({ name }) => name);
    for (const bucket of this.#world.buckets) await verification.run(bucket);
    for (const name of [...own, ...this.#unexpected]) await verification.remove(name);
    for (const complaint of verification.complaints) this.#find(complaint);
    this.#tally.compared += verification.compared;
  }

  #findIn(made: Case, what: string): void {
    const { draft, sent } = made;
    const request = draft === undefined ? "" : ` ${draft.method} ${targetOf(draft).slice(0, 200)}`;
    const head = sent.bytes.toString("latin1", 0, 1500);
    this.#find(
      `${nameOf(made)} (${draft?.faults.join(", ") ?? ""})${request}: ${what}\n${JSON.stringify(head)}`,
    );
  }

  #find(what: string): void {
    this.findings.push({ seed: this.#seed, what });
  }
}

/** Only what the model can leave open. */
function isDroppable({ meaning }: Case): boolean {
  return (
    meaning !== undefined &&
    [
      "PutObject",
      "DeleteObject",
      "CopyObject",
      "GetObject",
      "UploadPart",
      "CompleteMultipartUpload",
      "ListObjectsV2",
    ].includes(meaning.operation)
  );
}

/** These ignore a body that they were sent, as S3's do. */
const readsBody = new Set([
  "PutObject",
  "UploadPart",
  "PostObject",
  "DeleteObjects",
  "PutObjectTagging",
  "PutBucketTagging",
  "CompleteMultipartUpload",
  "PutBucketVersioning",
  "CreateBucket",
]);

function mustFail({ sent, meaning }: Case): boolean {
  if (sent.mustFail === "where the body counts") return readsBody.has(meaning?.operation ?? "");
  return sent.mustFail !== undefined;
}

/** The kind of a case, for counting. */
function nameOf({ draft, sent }: Case): string {
  const last = sent.fault ?? draft?.faults.at(-1) ?? "valid";
  return `${draft?.operation ?? "none"}: ${last}`;
}

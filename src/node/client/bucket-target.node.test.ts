// A bucket of a real server as a target, over a network that breaks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isStoreError, StoreError } from "../../base/errors.ts";
import { createClock } from "../platform/clock.ts";
import { makeBucket } from "../testing/bucket-content.ts";
import { BreakingProxy } from "../testing/breaking-proxy.ts";
import {
  connectionTo,
  identityOf,
  Scratch,
  ServedStore,
  started,
} from "../testing/served-store.ts";
import { BucketTarget } from "./bucket-target.ts";

const never = new AbortController().signal;
const limits = { attempts: 3, pauseMs: 10, silenceMs: 20_000, keysPerPage: 2 };

async function serving(
  work: (target: BucketTarget, proxy: BreakingProxy) => Promise<void>,
): Promise<void> {
  using scratch = new Scratch();
  await using server = new ServedStore([scratch.directory("data")]);
  const ready = await started(server);
  const s3 = connectionTo(ready);
  await makeBucket(s3);
  s3.close();
  await using proxy = await BreakingProxy.before(ready.port);
  const place = { endpoint: proxy.endpoint, bucket: "bucket", prefix: "a folder/&b" };
  const how = { clock: createClock(), identity: identityOf(ready), trust: {}, limits };
  await work(new BucketTarget({ ...place, ...how }), proxy);
}

test("bucket target: what is put is listed, read and removed, page by page", async () => {
  await serving(async (target) => {
    assert.equal(target.name, "s3://bucket/a folder/&b");
    const names = ["log/1", "log/2", "log/3", "log/4", "log/5"];
    const contents = names.map((_, i) => new Uint8Array(1000 * i).fill(i));
    for (const [i, name] of names.entries()) {
      await target.put(name, contents[i] ?? new Uint8Array(), never);
    }
    await target.put("snapshots/1", new Uint8Array(9), never);
    assert.deepEqual((await target.list("log", never)).toSorted(), names);
    for (const [i, name] of names.entries()) {
      assert.deepEqual(new Uint8Array(await target.get(name, never)), contents[i]);
    }
    await target.remove("log/2", never);
    await target.remove("log/2", never);
    assert.equal((await target.list("log", never)).length, 4);
    assert.deepEqual(await target.list("nothing", never), []);
    const isMissing = (error: unknown) => isStoreError(error, "missing");
    await assert.rejects(target.get("log/2", never), isMissing);
  });
});

test("bucket target: a call that breaks is tried again, some times, and no put is half there", async () => {
  await serving(async (target, proxy) => {
    const bytes = new Uint8Array(300_000).fill(7);
    for (const mode of ["refuse", "busy", "cut"] as const) {
      proxy.become(mode);
      const before = proxy.broken;
      const isAway = (error: unknown) => isStoreError(error, "unavailable");
      await assert.rejects(target.put(`log/${mode}`, bytes, never), isAway, mode);
      // The first attempt may find that a connection of before has ended.
      assert.ok(proxy.broken - before >= limits.attempts - 1, mode);
      proxy.become("pass");
      assert.deepEqual(await target.list("log", never), [], mode);
      proxy.become(mode);
      const putting = target.put("other/1", bytes, never);
      proxy.become("pass");
      await putting;
      assert.equal((await target.get("other/1", never)).length, bytes.length);
    }
  });
});

test("bucket target: what the server refuses is said at once, and a signal ends the trying", async () => {
  await serving(async (target, proxy) => {
    const { endpoint } = proxy;
    const identity = { accessKeyId: "NOBODY", secretAccessKey: "a secret", region: "us-east-1" };
    const place = { endpoint, bucket: "bucket", prefix: "" };
    const stranger = new BucketTarget({
      clock: createClock(),
      ...place,
      identity,
      trust: {},
      limits,
    });
    await assert.rejects(stranger.list("log", never), (error: unknown) => {
      assert.ok(isStoreError(error, "invalid"));
      assert.match(
        error.message,
        /^s3:\/\/bucket at .*: listing it: answered 403 InvalidAccessKeyId/,
      );
      assert.doesNotMatch(error.message, /a secret/);
      return true;
    });
    proxy.become("busy");
    const stopped = new StoreError("cancelled", "it was stopped");
    const stop = new AbortController();
    const putting = target.put("log/1", new Uint8Array(10), stop.signal);
    stop.abort(stopped);
    await assert.rejects(putting, stopped);
  });
});

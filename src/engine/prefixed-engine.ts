import { whenReady } from "../base/ready.ts";
import { assertRowKey } from "./contract.ts";
import type { Change, CommitResult, Engine, EngineReader } from "./engine.ts";
import type { Row, Rows, ScanOptions } from "./engine.ts";

/**
 * The rows of an engine whose keys begin with `prefix`, as an engine of their own: its keys are
 * what stands behind that. So several partitions share an engine, and none sees another's rows.
 * Verifying, statistics and closing concern the whole engine.
 */
export function prefixedEngine(engine: Engine, prefix: Uint8Array): Engine {
  const stored = (key: Uint8Array): Uint8Array => {
    assertRowKey(key);
    return behind(key);
  };
  const behind = (key: Uint8Array): Uint8Array => {
    const whole = new Uint8Array(prefix.length + key.length);
    whole.set(prefix);
    whole.set(key, prefix.length);
    return whole;
  };
  const behindPrefix = (key: Uint8Array): Uint8Array => key.subarray(prefix.length);
  const readerOf = (reader: EngineReader): EngineReader => ({
    read(keys) {
      return whenReady(reader.read(keys.map(stored)), (rows) => withKeys(rows, keys));
    },
    scan(range, options) {
      const { skipTo } = options;
      const bounds = { start: behind(range.start), end: behind(range.end) };
      const own = skipTo && { ...options, skipTo: skippingIn(skipTo) };
      return whenReady(reader.scan(bounds, own ?? options), (rows) => rows.map(withoutPrefix));
    },
  });
  const withoutPrefix = ({ key, value, stamp }: Row): Row => ({
    key: behindPrefix(key),
    value,
    stamp,
  });
  const skippingIn =
    (skipTo: NonNullable<ScanOptions["skipTo"]>): ScanOptions["skipTo"] =>
    (row) => {
      const key = skipTo(withoutPrefix(row));
      return key && behind(key);
    };
  const prefixed = (change: Change): Change => ({
    ...change,
    checks: change.checks.map(({ key, expect }) => ({ key: stored(key), expect })),
    puts: change.puts.map(({ key, value }) => ({ key: stored(key), value })),
    deletes: change.deletes.map(stored),
  });
  const withoutPrefixIn = (result: CommitResult): CommitResult =>
    result.outcome === "conflict" ? { ...result, key: behindPrefix(result.key) } : result;
  return {
    ...readerOf(engine),
    // One promise: an async function would make a second one for each commit.
    commit(change) {
      try {
        return engine.commit(prefixed(change)).then(withoutPrefixIn);
      } catch (thrown) {
        return Promise.reject(thrown);
      }
    },
    snapshot() {
      const snapshot = engine.snapshot();
      return { ...readerOf(snapshot), close: () => snapshot.close() };
    },
    statistics: () => engine.statistics(),
    ...(engine.verify === undefined ? {} : { verify: engine.verify.bind(engine) }),
    close: () => engine.close(),
  };
}

function withKeys(rows: Rows, keys: readonly Uint8Array[]): Rows {
  return rows.map((row, index) => row && { ...row, key: keys[index]! });
}

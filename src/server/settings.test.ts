import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveSettings, settingNames, type SettingSources } from "./settings.ts";

function resolve(sources: Partial<SettingSources> = {}) {
  return resolveSettings({ flags: new Map(), environment: {}, ...sources });
}

const file = (text: string): SettingSources["file"] => ({ path: "h.conf", text });

test("settings: defaults are what the help says", () => {
  const settings = resolve();
  assert.deepEqual(settings.data, ["./data"]);
  assert.deepEqual(settings.listen, { host: "127.0.0.1", port: 9000 });
  assert.equal(settings.region, "us-east-1");
  assert.deepEqual(settings.domain, []);
  assert.equal(settings["seal-after"], 300_000);
  assert.equal(settings.reserve, 320 * 1024 * 1024);
  assert.equal(settings["extent-size"], 256 * 1024 * 1024);
  assert.equal(settings["code-from"], 64 * 1024 * 1024);
  assert.equal(settings["compact-at"], 0.33);
  assert.equal(settings["upload-idle-days"], 7);
});

test("settings: a flag wins over a variable, a variable over the file", () => {
  const text = "# ours\nregion = from-file\nworkers = 3\n\nlisten = [::1]:7\n";
  const settings = resolve({
    file: file(text),
    environment: { HOLDFAST_REGION: "from-variable", HOLDFAST_WORKERS: "4", OTHER: "x" },
    flags: new Map([["region", "from-flag"]]),
  });
  assert.equal(settings.region, "from-flag");
  assert.equal(settings.workers, 4);
  assert.deepEqual(settings.listen, { host: "::1", port: 7 });
});

test("settings: domains are kept in lower case, as hosts are compared", () => {
  const settings = resolve({ flags: new Map([["domain", "S3.Example.org,b"]]) });
  assert.deepEqual(settings.domain, ["s3.example.org", "b"]);
});

test("settings: a wrong value is refused with its place and what would be right", () => {
  const cases: [Partial<SettingSources>, RegExp][] = [
    [{ flags: new Map([["listen", "9000"]]) }, /^--listen: "9000" is not HOST:PORT/],
    [{ flags: new Map([["listen", "h:70000"]]) }, /--listen/],
    [{ environment: { HOLDFAST_WORKERS: "many" } }, /^HOLDFAST_WORKERS: .* whole number from 0/],
    [{ file: file("\nseal-after = 5") }, /^h\.conf:2: "5" is not a time with its unit.*1s to 24h/],
    [{ file: file("reserve = 5GB") }, /such as 512MiB/],
    [{ file: file("extent-size = 1MiB") }, /from 8388608 to 268435456/],
    [{ file: file("code-from = 1GiB") }, /from 1048576 to 268435456/],
    [{ flags: new Map([["data", "a,,b"]]) }, /none empty/],
    [{ flags: new Map([["domain", "https://x"]]) }, /without scheme/],
    [{ flags: new Map([["compact-at", "0.5"]]) }, /percentage from 5% to 95%/],
    [{ flags: new Map([["upload-idle-days", "4000"]]) }, /whole number from 0 to 3650/],
    [{ flags: new Map([["log-level", "loud"]]) }, /one of debug, info/],
    [{ flags: new Map([["region", "US East"]]) }, /region name/],
    [{ flags: new Map([["ship-index", "http://x/y"]]) }, /a bucket such as s3:\/\/BUCKET/],
    [{ flags: new Map([["ship-index-endpoint", "x:9000"]]) }, /URL of an S3 server/],
  ];
  for (const [sources, message] of cases) {
    assert.throws(() => resolve(sources), { code: "invalid", message });
  }
});

test("settings: the index is shipped to a directory, or to a bucket with a prefix", () => {
  const placeOf = (text: string) =>
    resolve({ flags: new Map([["ship-index", text]]) })["ship-index"];
  assert.equal(placeOf(""), undefined);
  assert.deepEqual(placeOf("/mnt/x"), { kind: "directory", path: "/mnt/x" });
  for (const [text, prefix] of [
    ["s3://my-bucket", ""],
    ["s3://my-bucket/", ""],
    ["s3://my-bucket/a/b/", "a/b"],
  ] as const) {
    assert.deepEqual(placeOf(text), { kind: "bucket", bucket: "my-bucket", prefix });
  }
});

test("settings: an unknown name is refused with the nearest known one", () => {
  assert.throws(() => resolve({ file: file("regoin = x") }), /h\.conf:1: .*did you mean region\?/);
  assert.throws(() => resolve({ file: file("region x") }), /name = value/);
  assert.throws(() => resolve({ file: file("region = x\nregion = y") }), /set twice/);
  const environment = { HOLDFAST_LISTN: "x" };
  assert.throws(() => resolve({ environment }), /did you mean HOLDFAST_LISTEN\?/);
});

test("settings: variables of secrets, other commands and Kubernetes are ignored", () => {
  const environment = {
    HOLDFAST_ROOT_ACCESS_KEY_ID: "x",
    HOLDFAST_ENDPOINT: "x",
    HOLDFAST_SERVICE_HOST: "10.0.0.1",
    HOLDFAST_PORT: "tcp://10.0.0.1:9000",
    HOLDFAST_PORT_9000_TCP_ADDR: "10.0.0.1",
  };
  assert.equal(Object.keys(resolve({ environment })).length, settingNames.length);
});

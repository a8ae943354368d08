import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { must } from "../base/assert.ts";
import { readRootKey } from "../node/store/key-files.ts";
import { makeCertificate, noOpenssl } from "../node/testing/certificates.ts";
import { connectionTo, ServedStore, until } from "../node/testing/served-store.ts";
import { programEnvironment } from "../node/testing/program-environment.ts";

const launcher = resolve(import.meta.dirname, "../../bin/holdfast.js");
const scratch = mkdtempSync(join(tmpdir(), "holdfast-cli-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

function holdfast(parameters: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...parameters], {
    env: programEnvironment(environment),
    encoding: "utf8",
    cwd: scratch,
  });
  return { status, stdout, stderr };
}

test("cli: help lists the commands, and a command's flags with variable and default", () => {
  assert.match(holdfast(["help"]).stdout, /serve .*\n\s+env .*\n\s+check .*\n\s+status /);
  const { status, stdout } = holdfast(["serve", "--help"]);
  assert.equal(status, 0);
  assert.match(stdout, /--listen HOST:PORT .*HOLDFAST_LISTEN, default 127\.0\.0\.1:9000/);
});

test("cli: version is the package's", () => {
  assert.match(holdfast(["--version"]).stdout, /^\d+\.\d+\.\d+\n$/);
});

test("cli: what is not known is refused with a suggestion and status 2", () => {
  const cases: [string[], RegExp][] = [
    [["serv"], /no command "serv" \(did you mean serve\?\)/],
    [["serve", "--lissten", "x"], /did you mean --listen\?/],
    [["serve", "--listen"], /--listen needs a value: --listen HOST:PORT/],
    [["serve", "extra"], /"extra" belongs to no flag/],
    [["serve", "--listen", "x"], /--listen: "x" is not HOST:PORT/],
    [["serve", "--json=1"], /--json takes no value/],
    [["serve", "--config", "/none"], /--config \/none: .*no such file/],
    [["help", "stats"], /did you mean status\?/],
    [["status", "--endpoint", "x"], /"x" is not a URL/],
    [["trace", "--status", "6xx"], /"6xx" is not a status such as 404 or 5xx/],
    [["trace", "--slower-than", "7"], /"7" is not a time such as 100ms or 2s/],
    [["trace", "--count", "0"], /"0" is not a number from 1/],
  ];
  for (const [parameters, message] of cases) {
    const { status, stderr } = holdfast(parameters);
    assert.match(stderr, message);
    assert.equal(status, 2, stderr);
  }
  assert.match(holdfast(["serve"], { HOLDFAST_REGON: "x" }).stderr, /did you mean HOLDFAST_REGION/);
});

test("cli: status names the fix where no server answers", () => {
  const { status, stderr } = holdfast(["status", "--endpoint", "http://127.0.0.1:1"]);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /no server answers at http:\/\/127\.0\.0\.1:1: start it with holdfast serve/,
  );
});

interface StatusReport {
  readonly ready: boolean;
  readonly buckets: number;
  readonly version: string;
  readonly processes: readonly { name: string }[];
  readonly disks: readonly { name: string; state: string; bytesFree: number }[];
}

test("cli: status signs with the key of the data directory, and says where the key is refused", async () => {
  const data = join(scratch, "served");
  await using server = new ServedStore([data]);
  const ready = must(await server.ready, server.output);
  const { endpoint } = ready;
  const root = readRootKey(data);
  assert.ok(root);
  assert.equal((await connectionTo(ready).send("PUT", "/a-bucket")).status, 200);
  const ask = ["status", "--endpoint", endpoint, "--json"];
  const { status, stdout } = holdfast([...ask, "--data", data]);
  assert.equal(status, 0);
  const report = JSON.parse(stdout) as StatusReport; // our own output
  assert.deepEqual([report.ready, report.buckets], [true, 1]);
  assert.deepEqual([report.disks[0]?.name, report.disks[0]?.state], [data, "ok"]);
  assert.ok((report.disks[0]?.bytesFree ?? 0) > 0);
  const names = report.processes.map(({ name }) => name);
  assert.deepEqual(names, ["background", "front-end-1", "supervisor"]);
  assert.match(report.version, /^\d+\.\d+\.\d+$/);
  assert.match(holdfast(ask).stderr, /there is no key to sign with: set HOLDFAST_ROOT_ACC/);
  const elsewhere = [...ask, "--data", data, "--region", "eu-north-1"];
  assert.match(
    holdfast(elsewhere).stderr,
    /serves region us-east-1, not eu-north-1: give --region us/,
  );
  const keys = ["key", "list", "--endpoint", endpoint, "--data", data, "--region", "eu-north-1"];
  assert.match(holdfast(keys).stderr, /serves region us-east-1, not eu-north-1: give --region us/);
  const page = await fetch(endpoint, { headers: { accept: "text/html" } });
  assert.match(await page.text(), /^<!doctype html>/);
  const other = {
    HOLDFAST_ROOT_ACCESS_KEY_ID: root.accessKeyId,
    HOLDFAST_ROOT_SECRET_ACCESS_KEY: "not-the-secret",
  };
  const refused = /refuses access key HF\w+ \(SignatureDoesNotMatch: .*\): set HOLDFAST_ROOT/;
  assert.match(holdfast(ask, other).stderr, refused);
});

test("cli: commands find the running server of a data directory, unless another one is named", async () => {
  const data = join(scratch, "found");
  await using server = new ServedStore([data], ["--region", "eu-north-1"]);
  const { endpoint } = must(await server.ready, server.output);
  const where = ["--data", data];
  const variables = (...more: readonly string[]) => {
    const { stdout } = holdfast(["env", "--json", ...where, ...more]);
    return JSON.parse(stdout) as Record<string, string>; // our own output
  };
  const { AWS_ENDPOINT_URL, AWS_REGION } = variables();
  assert.deepEqual([AWS_ENDPOINT_URL, AWS_REGION], [endpoint, "eu-north-1"]);
  assert.equal(variables("--listen", "127.0.0.1:1")["AWS_ENDPOINT_URL"], "http://127.0.0.1:1");
  assert.equal(variables("--endpoint", "http://h:2")["AWS_ENDPOINT_URL"], "http://h:2");
  const { status, stdout } = holdfast(["status", "--json", ...where]);
  assert.equal(status, 0);
  assert.equal((JSON.parse(stdout) as { endpoint: string }).endpoint, endpoint);
  assert.equal(holdfast(["key", "list", ...where]).status, 0);
  assert.equal(await server.stop(), 0);
  assert.equal(variables()["AWS_ENDPOINT_URL"], "http://127.0.0.1:9000");
});

test("cli: trace follows requests, as a table or as lines, and ends after so many", async () => {
  const data = join(scratch, "traced");
  await using server = new ServedStore([data]);
  const { endpoint } = must(await server.ready, server.output);
  const follow = async (more: readonly string[]) => {
    const parameters = ["trace", "--endpoint", endpoint, "--data", data, "--bucket", "none-such"];
    const child = spawn(process.execPath, [launcher, ...parameters, "--count", "2", ...more], {
      env: programEnvironment(),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (piece: Buffer) => {
      output += piece.toString();
    });
    let code: number | null | undefined;
    child.once("close", (given) => {
      code = given;
    });
    await until("it has shown two", async () => {
      await (await fetch(`${endpoint}/none-such/key`)).text();
      return code !== undefined;
    });
    assert.equal(code, 0);
    return output.trimEnd().split("\n");
  };
  const [head, row, ...more] = await follow([]);
  assert.match(head ?? "", /^TIME +OPERATION +STATUS/);
  assert.match(row ?? "", /GetObject +404 .* 127\.0\.0\.1 +none-such\/key NoSuchBucket +\(.*\) /);
  assert.equal(more.length, 1);
  const lines = await follow(["--json", "--errors"]);
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { code: string }).code), // the server's lines
    ["NoSuchBucket", "NoSuchBucket"],
  );
  const none = holdfast(["trace", "--under-way", "--endpoint", endpoint, "--data", data]);
  assert.deepEqual([none.status, none.stdout], [0, ""]);
});

test(
  "cli: serves https where it is given a certificate; status trusts it, or an authority",
  { skip: noOpenssl },
  async () => {
    const data = join(scratch, "secure");
    const { certPath, keyPath } = makeCertificate(scratch, "served");
    await using server = new ServedStore([data], ["--tls-cert", certPath, "--tls-key", keyPath]);
    const { endpoint, port } = must(await server.ready, server.output);
    assert.equal(endpoint, `https://127.0.0.1:${port}`);
    const ask = ["status", "--listen", `127.0.0.1:${port}`, "--data", data, "--json"];
    const { status, stdout, stderr } = holdfast([...ask, "--tls-cert", certPath]);
    assert.equal(status, 0, stderr);
    assert.equal((JSON.parse(stdout) as StatusReport).ready, true); // our own output
    const named = ["status", "--endpoint", endpoint, "--data", data];
    assert.match(holdfast(named).stderr, /is not trusted \(self-signed certificate.*--ca/);
    assert.match(holdfast(named, { HOLDFAST_CA: certPath }).stderr, /is not trusted .*altnames/);
    assert.match(holdfast([...named, "--ca", "/none"]).stderr, /--ca \/none: .*no such file/);
    assert.match(holdfast(["serve", "--tls-cert", certPath]).stderr, /TLS needs both/);
    assert.match(
      holdfast(["serve", "--tls-cert", keyPath, "--tls-key", keyPath]).stderr,
      /not a certificate in PEM/,
    );
  },
);

/** What `serve` prints with its output redirected, up to the end of its banner. */
async function firstLines(data: string): Promise<{ lines: string[]; stop: () => Promise<void> }> {
  const parameters = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--workers", "1"];
  const child = spawn(process.execPath, [launcher, ...parameters], {
    env: programEnvironment(),
    stdio: ["ignore", "pipe", "ignore"],
    cwd: scratch,
  });
  const closed = new Promise<void>((done) => child.once("close", () => done()));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.includes("aws s3 cp s3://first/hello.txt -")) break;
  }
  child.stdout.resume();
  const stop = (): Promise<void> => {
    child.kill("SIGTERM");
    return closed;
  };
  return { lines, stop };
}

test("cli: the first lines hold no secret where they are redirected, and set a shell up in any folder", async () => {
  const data = join(scratch, "a first 'one");
  const { lines, stop } = await firstLines(data);
  const root = must(readRootKey(data), "made at the start");
  assert.match(lines[0] ?? "", /^Holdfast \d+\.\d+\.\d+: opening /);
  const text = lines.join("\n");
  assert.ok(!text.includes(root.secretAccessKey));
  assert.ok(text.includes(`in ${join(data, "credentials.json")}`), text);
  assert.doesNotMatch(text, /aws s3 (sync|mv|rm)|aws s3 cp \./);
  const paste = must(
    lines.find((line) => line.trim().startsWith("eval ")),
    text,
  );
  const others = {
    AWS_SESSION_TOKEN: "of another account",
    AWS_DEFAULT_PROFILE: "another",
    AWS_ENDPOINT_URL_S3: "https://elsewhere.test",
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true",
  };
  const { stdout, stderr } = spawnSync("sh", ["-c", `${paste}\nenv`], {
    env: programEnvironment(others),
    encoding: "utf8",
    cwd: "/",
  });
  const endpoint = /Endpoint +(\S+)/.exec(text)?.[1] ?? "none";
  assert.ok(stdout.includes(`AWS_ACCESS_KEY_ID=${root.accessKeyId}\n`), stderr);
  assert.ok(stdout.includes(`AWS_SECRET_ACCESS_KEY=${root.secretAccessKey}\n`));
  assert.ok(stdout.includes(`AWS_ENDPOINT_URL=${endpoint}\n`));
  for (const name of Object.keys(others)) assert.ok(!stdout.includes(`${name}=`), name);
  await stop();
});

test("cli: a data directory is readable by its owner alone, also one that was open before", async () => {
  const data = join(scratch, "private");
  mkdirSync(data, { mode: 0o755 });
  await using server = new ServedStore([data]);
  const s3 = connectionTo(must(await server.ready, server.output));
  await s3.send("PUT", "/a-bucket");
  await s3.send("PUT", "/a-bucket/key", { body: new Uint8Array(5000) });
  const names = readdirSync(data, { recursive: true, encoding: "utf8" });
  assert.ok(names.some((name) => name.endsWith(".extent")) && names.includes("index/data.mdb"));
  for (const name of ["", ...names]) {
    assert.equal(statSync(join(data, name)).mode & 0o077, 0, name);
  }
});

test("cli: a data directory that cannot be made is named with the fix, and no stack trace", () => {
  writeFileSync(join(scratch, "a-file"), "");
  const { status, stderr } = holdfast(["serve", "--data", join(scratch, "a-file/data")]);
  assert.equal(status, 2);
  assert.match(stderr, /^holdfast: the data directory .*a-file\/data cannot be made .*--data\n$/);
});

test("cli: check refuses what is no store, and leaves it as it is", () => {
  const { status, stderr } = holdfast(["check", "--data", join(scratch, "none")]);
  assert.equal(status, 1);
  assert.match(stderr, /holds no store/);
});

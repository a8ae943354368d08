import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { XMLParser } from "fast-xml-parser";
import { runToEnd } from "../../tools/run-to-end.ts";

export interface PytestOptions {
  /** A checkout of the suite. */
  readonly suite: string;
  readonly python: string;
  /** The suite's configuration file. */
  readonly configuration: string;
  /** The folder that holds pytest's reports. */
  readonly folder: string;
}

export interface TestResult {
  readonly name: string;
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it failed or was skipped, in one line. */
  readonly why: string;
}

const files = ["test_s3.py", "test_headers.py"].map((name) => `s3tests/functional/${name}`);

/** The ids of the tests that the suite expects every server to pass. */
export async function collect(options: PytestOptions, expression: string): Promise<string[]> {
  const marks = "not fails_on_aws and not fails_on_rgw";
  const parameters = ["--collect-only", "-q", "-m", marks, "-k", expression, ...files];
  const { output } = await pytest(options, parameters);
  const ids = output.split("\n").filter((line) => /^\S+\.py::\S+$/.test(line));
  if (ids.length === 0) throw new Error(`pytest finds no tests:\n${output.slice(-2000)}`);
  return ids;
}

/** Runs the tests with these ids, one after the other, and says how each went. */
export async function run(
  options: PytestOptions,
  ids: readonly string[],
): Promise<readonly TestResult[]> {
  const report = join(options.folder, "report.xml");
  const { output } = await pytest(options, ["-q", "--tb=short", `--junitxml=${report}`, ...ids]);
  const text = await readFile(report, "utf8").catch(() => {
    throw new Error(`pytest wrote no report:\n${output.slice(-2000)}`);
  });
  return parseReport(text);
}

function pytest({ suite, python, configuration }: PytestOptions, parameters: readonly string[]) {
  return runToEnd(python, ["-m", "pytest", "-p", "no:cacheprovider", ...parameters], {
    cwd: suite,
    env: { ...process.env, S3TEST_CONF: configuration, PYTHONDONTWRITEBYTECODE: "1" },
  });
}

interface ReportedCase {
  readonly "@name": string;
  readonly failure?: readonly Reported[];
  readonly error?: readonly Reported[];
  readonly skipped?: readonly Reported[];
}

interface Reported {
  readonly "@message"?: string;
}

const lists = ["testsuite", "testcase", "failure", "error", "skipped"];

/**
 * From pytest's report, in JUnit's format. A test that fails, and whose clean-up does so too,
 * stands there twice.
 */
export function parseReport(text: string): readonly TestResult[] {
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "@",
    parseAttributeValue: false,
    isArray: (name) => lists.includes(name),
  });
  const { testsuites } = parser.parse(text) as {
    testsuites: { testsuite: { testcase?: ReportedCase[] }[] };
  }; // as pytest documents it
  const byName = new Map<string, TestResult>();
  for (const reported of testsuites.testsuite.flatMap(({ testcase = [] }) => testcase)) {
    const result = resultOf(reported);
    if (byName.get(result.name)?.outcome !== "failed") byName.set(result.name, result);
  }
  return [...byName.values()];
}

function resultOf(reported: ReportedCase): TestResult {
  const failed = reported.failure?.[0] ?? reported.error?.[0];
  const outcome =
    failed !== undefined ? "failed" : reported.skipped !== undefined ? "skipped" : "passed";
  const message = (failed ?? reported.skipped?.[0])?.["@message"] ?? "";
  return { name: reported["@name"], outcome, why: message.split(/\n|&#10;/, 1)[0] ?? "" };
}

// A reporter for logs: a line for each failed or skipped test with its reason, and the counts at
// the end.
import type { TestEvent } from "node:test/reporters";

export default async function* quiet(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type === "test:fail") {
      const { name, file, line, details } = event.data;
      const cause: unknown = details.error.cause ?? details.error;
      const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
      yield `FAILED ${name} (${file ?? ""}:${line ?? ""})\n${stack}\n`;
    } else if (event.type === "test:pass" && event.data.skip !== undefined) {
      yield `skipped ${event.data.name}: ${String(event.data.skip)}\n`;
    } else if (event.type === "test:stdout" || event.type === "test:stderr") {
      yield event.data.message;
    } else if (event.type === "test:summary" && event.data.file === undefined) {
      const { counts, duration_ms: durationMs } = event.data;
      const failed = counts.tests - counts.passed - counts.skipped - counts.todo - counts.cancelled;
      yield `# tests ${counts.tests}\n# pass ${counts.passed}\n# fail ${failed + counts.cancelled}\n`;
      yield `# skipped ${counts.skipped}\n# duration_ms ${Math.round(durationMs)}\n`;
    }
  }
}

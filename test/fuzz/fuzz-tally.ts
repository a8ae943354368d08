/** Counts of the requests that were tried, and of their outcomes. */
export class FuzzTally {
  cases = 0;
  /** Versions whose bytes were read back. */
  compared = 0;
  readonly #byKind = new Map<string, number>();
  readonly #byStatus = new Map<string, number>();
  readonly #byCode = new Map<string, number>();

  count(kind: string, status: number | string): void {
    this.cases++;
    add(this.#byKind, kind);
    add(this.#byStatus, String(status));
  }

  /** Sent by who did not wait for the answer. */
  dropped(kind: string): void {
    this.count(kind, "dropped");
  }

  error(code: string): void {
    if (code !== "") add(this.#byCode, code);
  }

  summary(seconds: number): string {
    const rate = Math.round(this.cases / seconds);
    return `${this.cases} cases, ${rate}/s, ${this.compared} versions read back; ${shown(this.#byStatus)}`;
  }

  details(): string {
    const operations = new Map<string, number>();
    const faults = new Map<string, number>();
    for (const [kind, count] of this.#byKind) {
      const [operation = "", fault = ""] = kind.split(": ");
      add(operations, operation, count);
      add(faults, fault, count);
    }
    return [
      `operations (${operations.size}): ${shown(operations)}`,
      `faults (${faults.size}): ${shown(faults)}`,
      `errors (${this.#byCode.size}): ${shown(this.#byCode)}`,
    ].join("\n");
  }
}

function add(counts: Map<string, number>, name: string, count = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}

function shown(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].toSorted(([, a], [, b]) => b - a);
  return sorted.map(([name, count]) => `${name} ${count}`).join(", ");
}

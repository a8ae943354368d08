/** One sample of a metrics page. */
export interface Figure {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** The samples of a page in Prometheus' text format, as Holdfast writes it. */
export function readFigures(text: string): Figure[] {
  const figures: Figure[] = [];
  for (const line of text.split("\n")) {
    const match = /^([a-z0-9_]+)\{(.*)\} (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name = "", labelText = "", value] = match;
    const labels = new Map<string, string>();
    for (const [, label = "", quoted = ""] of labelText.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels.set(label, quoted);
    }
    figures.push({ name, labels, value: Number(value) });
  }
  return figures;
}

export interface DiskReport {
  readonly name: string;
  /** `ok`, unless a process says otherwise: each keeps a reserve of its own. */
  readonly state: string;
  readonly bytesFree: number;
}

export function disksIn(figures: readonly Figure[]): DiskReport[] {
  const disks = new Map<string, DiskReport>();
  for (const { name: figure, labels } of figures) {
    if (figure !== "holdfast_disk_state") continue;
    const name = labels.get("disk") ?? "";
    const state = labels.get("state") ?? "";
    if (state === "ok" && disks.has(name)) continue;
    const free = figures.filter(
      (other) => other.name === "holdfast_disk_free_bytes" && other.labels.get("disk") === name,
    );
    const bytesFree = Math.min(...free.map(({ value }) => value));
    disks.set(name, { name, state, bytesFree });
  }
  return [...disks.values()];
}

/** Over all series of a name that have the label, if one is asked for. */
export function sumOf(
  figures: readonly Figure[],
  name: string,
  label?: readonly [name: string, value: string],
): number {
  let sum = 0;
  for (const figure of figures) {
    if (figure.name !== name) continue;
    if (label === undefined || figure.labels.get(label[0]) === label[1]) sum += figure.value;
  }
  return sum;
}

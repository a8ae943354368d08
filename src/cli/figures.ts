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

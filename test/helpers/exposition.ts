/** One sample of what Prometheus reads: its name, labels and value. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** What a `/metrics` answer says: the type of every metric, and all samples. */
export interface Exposition {
  types: Map<string, string>;
  samples: Sample[];
  /** The sum of the samples of this name whose labels include these; undefined where there is none. */
  value(name: string, labels?: Record<string, string>): number | undefined;
}

/** Reads Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split("\n")) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (type) types.set(type[1] as string, type[2] as string);
    const sample = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!sample) continue;
    const [, name = "", inBraces = "", value] = sample;
    const labels = [...inBraces.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    samples.push({ name, labels: Object.fromEntries(labels), value: Number(value) });
  }
  return {
    types,
    samples,
    value(name, labels = {}) {
      const matching = samples.filter(
        (sample) =>
          sample.name === name &&
          Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
      );
      return matching.length === 0 ? undefined : matching.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

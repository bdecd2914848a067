import { Counter, type Histogram } from "prom-client";

/** Shows every combination of these values of a metric's labels, at 0. */
export function startAtZero<L extends string>(
  metric: Counter<L> | Histogram<L>,
  values: Record<L, readonly string[]>,
): void {
  const combinations = Object.entries<readonly string[]>(values).reduce<Record<string, string>[]>(
    (all, [label, those]) => all.flatMap((one) => those.map((value) => ({ ...one, [label]: value }))),
    [{}],
  ) as Record<L, string>[];
  for (const labels of combinations)
    if (metric instanceof Counter) metric.inc(labels, 0);
    else metric.zero(labels);
}

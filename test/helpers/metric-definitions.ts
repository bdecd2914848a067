import { systemClock } from "../../app/clock.ts";
import { Metrics } from "../../app/metrics/metrics.ts";
import { StateGauges, type StateGaugesOptions } from "../../app/metrics/state-gauges.ts";

/** A metric of the App's own, as it is declared. */
export interface MetricDefinition {
  name: string;
  help: string;
  type: string;
  labelNames: string[];
}

/** Every metric that the App itself defines, in the order of the code. */
export function metricDefinitions(): MetricDefinition[] {
  const { registry } = new Metrics({
    instance: "primary",
    endpoints: [],
    targets: [],
    channels: [],
    clock: systemClock,
  });
  // Nothing is read here, so that nothing is needed to read it from.
  new StateGauges({ registry } as StateGaugesOptions);
  return (registry.getMetricsAsArray() as unknown as MetricDefinition[])
    .filter(({ name }) => name.startsWith("twinhook_"))
    .map(({ name, help, type, labelNames }) => ({ name, help, type, labelNames }));
}

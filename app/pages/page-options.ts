import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";
import type { Failover } from "../failover/failover.ts";
import type { Store } from "../store/store.ts";

/** The sources from which pages are made. */
export interface PageOptions {
  config: Config;
  /** The instance that serves them. */
  self: InstanceConfig;
  store: Store;
  failover: Failover;
  /** The time (ms). */
  now: () => number;
}

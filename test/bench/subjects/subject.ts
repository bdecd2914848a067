import type { EventPlan } from "../event-source.ts";

/** Where a running subject takes events in. */
export type Entrance = Pick<EventPlan, "host" | "port" | "path" | "secret">;

/** A program that is measured, while it runs. */
export interface Subject {
  name: string;
  entrance: Entrance;
  pid: number;
  /** Ends it, with everything that it left. */
  stop(): Promise<void>;
}

import type { Happening } from "./faults.ts";
import type { Sending } from "./history.ts";
import type { ALL_SOURCES } from "./targets.ts";

/** Faults that happen together. Each begins so long after the first (ms). */
export type Scene = readonly (Happening & { afterMs?: number })[];

/** Makes the draw of a history prefer what shows one bug. What is not named is drawn as usual. */
export interface Bias {
  supervised?: boolean;
  /** Faults come in these scenes alone. An empty list means no faults. */
  scenes?: readonly Scene[];
  sources?: Partial<Record<keyof typeof ALL_SOURCES, number>>;
  sendings?: Partial<Record<Sending, number>>;
  /** How long commands take (ms): at least, and at most. */
  takesMs?: readonly [number, number];
  /** Pauses between runs (ms): at least, and at most. */
  pauseMs?: readonly [number, number];
  /** How often a run is asked for by a job, run again, or fails: from 0 to 1. */
  asked?: number;
  rerun?: number;
  fails?: number;
}

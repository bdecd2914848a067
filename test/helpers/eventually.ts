import { vi } from "vitest";
import { PATIENCE_MS } from "./patience.ts";

/** Resolves with what `holds` returns, once it neither throws nor rejects. */
export function eventually<T>(holds: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(holds, { timeout: PATIENCE_MS, interval: 10 });
}

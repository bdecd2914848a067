import { vi } from "vitest";
import { PATIENCE_MS } from "./patience.ts";

/** Resolves with what `holds` returns, once it neither throws nor rejects. It is asked every `interval` ms. */
export function eventually<T>(holds: () => T | Promise<T>, { interval = 10 } = {}): Promise<T> {
  return vi.waitFor(holds, { timeout: PATIENCE_MS, interval });
}

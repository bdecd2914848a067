import type { Compilable } from "kysely";
import type { TaskName } from "../bundle/entry-points.ts";
import { StoreUnavailableError } from "../store/errors.ts";
import type { Reader, Store, Writer } from "../store/store.ts";
import type { Metrics } from "./metrics.ts";

/**
 * Wraps a store: it measures how long commits take, and counts why they fail. Closing it ends its listeners and leaves
 * the store open, since a reload wraps the same store again.
 */
export class MeasuredStore implements Store {
  readonly engine: Store["engine"];
  readonly can: Store["can"];
  readonly read: Reader;
  #store: Store;
  #metrics: Pick<Metrics, "committed" | "storeFailed">;
  #unwatch = new Set<() => void>();

  constructor(store: Store, metrics: Pick<Metrics, "committed" | "storeFailed">) {
    this.#store = store;
    this.#metrics = metrics;
    this.engine = store.engine;
    this.can = store.can;
    this.read = store.read;
  }

  write<T>(work: (trx: Writer) => Promise<T>): Promise<T> {
    return this.#measure(() => this.#store.write(work));
  }

  writeOne<R>(statement: (db: Reader) => Compilable<R>): Promise<readonly R[]> {
    return this.#measure(() => this.#store.writeOne(statement));
  }

  perform<O>(task: TaskName, input: unknown): Promise<O> {
    return this.#measure(() => this.#store.perform<O>(task, input));
  }

  now(db: Reader): Promise<number> {
    return this.#store.now(db);
  }

  lockNamed(trx: Writer, name: string): Promise<void> {
    return this.#store.lockNamed(trx, name);
  }

  notify(trx: Writer): Promise<void> {
    return this.#store.notify(trx);
  }

  onChange(listener: () => void): () => void {
    const stop = this.#store.onChange(listener);
    this.#unwatch.add(stop);
    return () => {
      this.#unwatch.delete(stop);
      stop();
    };
  }

  async probe(limitMs: number): Promise<void> {
    try {
      await this.#store.probe(limitMs);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  doubt(): void {
    this.#store.doubt();
  }

  async close(): Promise<void> {
    for (const stop of this.#unwatch) stop();
    this.#unwatch.clear();
  }

  async #measure<T>(commit: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    try {
      const result = await commit();
      this.#metrics.committed(performance.now() - begun);
      return result;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): void {
    if (error instanceof StoreUnavailableError) this.#metrics.storeFailed(error.reason);
  }
}

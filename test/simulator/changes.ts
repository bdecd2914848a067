import { EventEmitter } from "node:events";
import { PATIENCE_MS } from "../helpers/patience.ts";

/** A change in the simulated GitHub; `subject` is the changed record. */
export interface Change {
  type:
    | "request"
    | "answer"
    | "delivery"
    | "hook"
    | "workflow_run"
    | "deployment"
    | "deployment_status"
    | "issue"
    | "fault";
  subject: unknown;
}

/** Announces every change in the simulated GitHub, and lets tests wait for one. */
export class Changes {
  readonly emitter = new EventEmitter().setMaxListeners(0);
  readonly #waiting = new Set<(reason: Error) => void>();

  emit(type: Change["type"], subject: unknown): void {
    this.emitter.emit("change", { type, subject } satisfies Change);
  }

  /**
   * Resolves with the first truthy value of `predicate`, which is called now and after every change. Rejects
   * after `timeoutMs`, with the state in the words of `describe`, and when the server closes.
   */
  waitFor<T>(
    predicate: (change?: Change) => T,
    timeoutMs = PATIENCE_MS,
    describe: () => string = () => "",
  ): Promise<NonNullable<T>> {
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => {
        clearTimeout(timer);
        this.emitter.off("change", look);
        this.#waiting.delete(fail);
        settle();
      };
      const fail = (reason: Error) => finish(() => reject(reason));
      const look = (change?: Change) => {
        try {
          const value = predicate(change);
          if (value) finish(() => resolve(value));
        } catch (error) {
          fail(error instanceof Error ? error : new Error(String(error)));
        }
      };
      const timer = setTimeout(
        () => fail(new Error(`${predicate} was not met within ${timeoutMs} ms. ${describe()}`)),
        timeoutMs,
      );
      this.#waiting.add(fail);
      this.emitter.on("change", look);
      look();
    });
  }

  /** Ends every wait. */
  close(): void {
    for (const fail of this.#waiting) fail(new Error("the simulated GitHub was closed while waiting"));
  }
}

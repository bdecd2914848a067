import type { Logger } from "pino";
import { nameOf, type Viewer } from "../auth/viewer.ts";
import type { Clock } from "../clock.ts";
import type { AuditRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { asProblem } from "./as-problem.ts";

/** The actions that the audit list records. */
export type AuditAction =
  | "switchover"
  | "recovery"
  | "test alert"
  | "ping"
  | "secret rotation"
  | "deploy"
  | "cancel"
  | "retry"
  | "redeliver"
  | "mark"
  | "rollback"
  | "hold"
  | "release"
  | "token creation"
  | "token revocation";

/** An entry of the audit list, as read from the store. */
export type AuditEntry = Omit<AuditRow, "id"> & { id: number };

/** Records every action of a person: who, what, when and its outcome. Refusals are recorded, too. */
export class Audit {
  #store: Store;
  #clock: Clock;
  #instance: string;
  #log: Logger;

  constructor(options: { store: Store; clock: Clock; instance: string; log: Logger }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#instance = options.instance;
    this.#log = options.log;
  }

  /**
   * Runs `work` and records its outcome: the returned text, or the error, which is then rethrown. Returns the
   * entry's number.
   */
  async run(
    viewer: Viewer,
    action: AuditAction,
    details: string | null,
    work: () => Promise<string>,
  ): Promise<number> {
    try {
      return await this.#note(viewer, action, details, await work());
    } catch (error) {
      const { status, message } = asProblem(error);
      // The person gets the original error, even when it cannot be recorded.
      await this.#note(viewer, action, details, `refused (${status}): ${message}`).catch((failure) =>
        this.#log.error({ err: failure }, "an entry of the audit list could not be written"),
      );
      throw error;
    }
  }

  /** The newest entries. */
  async newest(count: number): Promise<AuditEntry[]> {
    return this.#store.read.selectFrom("audit").selectAll().orderBy("id", "desc").limit(count).execute();
  }

  async entry(id: number): Promise<AuditEntry | undefined> {
    return this.#store.read.selectFrom("audit").selectAll().where("id", "=", id).executeTakeFirst();
  }

  async #note(viewer: Viewer, action: AuditAction, details: string | null, outcome: string): Promise<number> {
    const by = nameOf(viewer);
    this.#log.info({ by, action, details, outcome }, `${by}: ${action}`);
    const row = { at: this.#clock.now(), by, instance: this.#instance, action, details, outcome };
    return this.#store.write(async (trx) => {
      const { id } = await trx.insertInto("audit").values(row).returning("id").executeTakeFirstOrThrow();
      return Number(id);
    });
  }
}

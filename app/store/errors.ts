/** Why the store cannot commit right now. */
export type UnavailableCause =
  | "locked"
  | "full"
  | "read_only"
  | "unreachable"
  | "broken"
  | "slow"
  | "moved"
  | "pooled";

const REMEDIES: Record<UnavailableCause, string> = {
  locked:
    "another process holds the write lock; a frozen Twinhook process is ended for you, end any other one yourself",
  full: "the disk that holds the store is full; free some space on it",
  read_only:
    "the store can only be read; give the user of this process write permission on its file and folder",
  unreachable: "the database does not answer; check that it runs and that DATABASE_URL or `store` names it",
  broken: "the store cannot be opened or read; check its path, its permissions and the disk",
  moved:
    "never remove or replace its files while Twinhook runs; Twinhook keeps their contents, and puts them back unless another file has the name",
  pooled:
    "a connection pooler, such as PgBouncer, stands before PostgreSQL; name PostgreSQL's own address; an instance keeps at most 9 connections",
  slow: "the commit took too long; check the load of the disk or of the database",
};

/** Every cause. */
export const UNAVAILABLE_CAUSES = Object.keys(REMEDIES) as UnavailableCause[];

/** The store cannot commit at this moment. Nothing was half-written; the same call may succeed later. */
export class StoreUnavailableError extends Error {
  override readonly name = "StoreUnavailableError";
  readonly reason: UnavailableCause;

  constructor(reason: UnavailableCause, detail: string, options?: ErrorOptions) {
    super(`the store cannot commit (${reason}): ${detail}; ${REMEDIES[reason]}`, options);
    this.reason = reason;
  }
}

/** A newer release owns the store, and this release must not write to it. */
export class StoreTooNewError extends Error {
  override readonly name = "StoreTooNewError";

  constructor(store: { version: number; min_code_version: number }, code: number) {
    super(
      `the store has schema ${store.version}, which needs code of schema ${store.min_code_version} or later, ` +
        `but this is code of schema ${code}; install the newer release of Twinhook`,
    );
  }
}

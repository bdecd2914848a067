import { StoreUnavailableError, type UnavailableCause } from "../errors.ts";

/** SQLSTATE of an error that PostgreSQL sent, or Node's code of one on the way. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? "");
}

function unavailableCause(error: unknown): UnavailableCause | undefined {
  const code = codeOf(error);
  // PgBouncer takes no settings with a connection.
  if (error instanceof Error && /unsupported startup parameter/.test(error.message)) return "pooled";
  if (code === "53100") return "full";
  if (code === "25006") return "read_only";
  if (code === "55P03" || code === "57014" || code === "25P03") return "locked";
  if (/^(08|57P|53|28|3D)/.test(code)) return "unreachable";
  if (code.startsWith("E") || code.startsWith("58")) return "unreachable";
  // `pg`'s own connection errors have no code.
  if (error instanceof Error && code === "" && /connection|timeout|terminat|pool/i.test(error.message))
    return "unreachable";
  return undefined;
}

/**
 * Turns an error into a {@link StoreUnavailableError} where the database is unavailable; else returns it
 * unchanged.
 */
export function asUnavailable(error: unknown): unknown {
  if (error instanceof StoreUnavailableError) return error;
  const cause = unavailableCause(error);
  if (!cause) return error;
  const detail = error instanceof AggregateError ? String(error.errors[0]) : (error as Error).message;
  return new StoreUnavailableError(cause, detail, { cause: error });
}

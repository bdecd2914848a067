/** How a command ends: the exit codes, which scripts rely on. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** No instance answers (EX_UNAVAILABLE). */
  unavailable: 69,
  /** The caller may not do this (EX_NOPERM). */
  notAllowed: 77,
  /** Ctrl-C, as a shell reports it. */
  interrupted: 130,
} as const;

/** A command could not do its work. The message says what happened, and the remedy. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** No instance answers. */
export class NoInstanceError extends CommandFailure {
  /** What was tried, and why it failed. */
  readonly causes: readonly string[];

  constructor(causes: readonly string[]) {
    super(
      EXIT.unavailable,
      `no instance answers (${causes.join("; ")}); start them with \`twinhook start\`, or name one with --url`,
    );
    this.causes = causes;
  }
}

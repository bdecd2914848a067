/** What the process that starts all instances of a host tells each of them. */
export type FromSupervisor =
  /** All of them are being stopped, so that none takes another's place. */
  | { type: "stop_all" }
  /** The process of another one has ended, and why. */
  | { type: "ended"; instance: string; reason: string };

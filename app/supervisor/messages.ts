/** Messages from the supervisor to each instance of its host. */
export type FromSupervisor =
  /** All instances are stopping, so none takes another's place. */
  | { type: "stop_all" }
  /** The process of another instance has ended, and why. */
  | { type: "ended"; instance: string; reason: string }
  /** Read the configuration anew; the answer is `reloaded`. */
  | { type: "reload" }
  /** Is another instance up that could take this one's place? The answer is `replaceable`, perhaps after a while. */
  | { type: "await_another" };

/** Messages from an instance to its supervisor. */
export type ToSupervisor =
  /** Why the new configuration was refused; nothing, where it is in use. */
  { type: "reloaded"; problems: readonly string[] } | { type: "replaceable" };

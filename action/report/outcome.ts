import type { Entry } from "../ask/entry.ts";

/** The outcome of one request, in a few words of the Action's own. */
export function outcome({ step, result }: Pick<Entry, "step" | "result">): string {
  switch (result.kind) {
    case "deployment":
      if (step === "check")
        return result.duplicate ? `has it on record already (${result.state})` : "would accept it";
      if (!result.onRecord)
        return step === "deliver" ? "the request lies there" : "not found by an instance yet";
      return result.duplicate && step === "deliver" ? `${result.state}, on record already` : result.state;
    case "ready":
      return "the request could be left there";
    case "cut off":
      return "stopped before the answer";
    default:
      return result.cause;
  }
}

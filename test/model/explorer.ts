/** A step that may happen next in a state. */
export interface Action<S> {
  /** Who does what, in words: a line of a history. */
  name: string;
  /** The state afterwards; the given state stays as it is. May throw a {@link BrokenRule}. */
  next: () => S | Promise<S>;
}

/** Actors and their surroundings, whose states are plain data. */
export interface Model<S> {
  name: string;
  initial: () => S | Promise<S>;
  /** Everything that may happen next. Called once for each state, right before its actions are taken. */
  actions: (state: S) => Action<S>[] | Promise<Action<S>[]>;
  /** States with the same key are one state. */
  key: (state: S) => string;
  /** The rule that the state breaks; null for none. */
  broken: (state: S) => string | null | Promise<string | null>;
}

/** A step broke a rule of its model. */
export class BrokenRule extends Error {
  override readonly name = "BrokenRule";
}

export interface Explored {
  states: number;
  transitions: number;
  /** The number of steps to the states that are farthest away. */
  steps: number;
  /** Whether every state within the bounds of the model was reached. */
  complete: boolean;
  /** The rule that is broken, and a shortest history that breaks it; null for none. */
  counterexample: { rule: string; history: string[] } | null;
}

/**
 * Reaches every state of a model, the nearest first, and ends at the first broken rule: its history is a shortest one.
 * Stops after `mostStates`, or beyond `mostSteps`.
 */
export async function explore<S>(
  model: Model<S>,
  { mostStates = Number.POSITIVE_INFINITY, mostSteps = Number.POSITIVE_INFINITY } = {},
): Promise<Explored> {
  const seen = new Set<string>();
  // For each state the one before it and the step between them, to tell its history.
  const before: number[] = [];
  const stepTo: string[] = [];
  let transitions = 0;
  let frontier: { state: S; at: number }[] = [];
  let next: { state: S; at: number }[] = [];
  const explored = (
    steps: number,
    complete: boolean,
    rule: string | null = null,
    history: string[] = [],
  ) => ({
    ...{ states: seen.size, transitions, steps, complete },
    counterexample: rule === null ? null : { rule, history },
  });
  const historyTo = (at: number): string[] => {
    const history: string[] = [];
    for (let i = at; i > 0; i = before[i] as number) history.push(stepTo[i] as string);
    return history.reverse();
  };
  /** Returns the rule that the state breaks. */
  const visit = async (state: S, from: number, name: string): Promise<string | null> => {
    const key = model.key(state);
    if (seen.has(key)) return null;
    seen.add(key);
    const at = before.push(from) - 1;
    stepTo.push(name);
    next.push({ state, at });
    return model.broken(state);
  };

  const rule = await visit(await model.initial(), 0, "");
  if (rule !== null) return explored(0, false, rule);
  for (let steps = 0; ; steps++) {
    if (next.length === 0) return explored(steps - 1, true);
    if (steps >= mostSteps) return explored(steps, false);
    frontier = next;
    next = [];
    for (const { state, at } of frontier) {
      if (seen.size >= mostStates) return explored(steps, false);
      for (const action of await model.actions(state)) {
        transitions++;
        let rule: string | null;
        try {
          rule = await visit(await action.next(), at, action.name);
        } catch (error) {
          if (!(error instanceof BrokenRule)) throw error;
          rule = error.message;
        }
        if (rule !== null) return explored(steps + 1, false, rule, [...historyTo(at), action.name]);
      }
    }
  }
}

/** A counterexample in lines. */
export function tell({ counterexample }: Explored): string {
  if (!counterexample) return "no counterexample";
  const { rule, history } = counterexample;
  return [rule, ...history.map((step, index) => `  ${index + 1}. ${step}`)].join("\n");
}

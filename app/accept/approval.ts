import type { TargetConfig } from "../config/schema.ts";
import {
  type ApprovalRules,
  type Gate,
  gateOf,
  type Protection,
  protectionOf,
} from "../queue/gate/approval.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Reader } from "../store/store.ts";
import type { Arrival } from "./arrival.ts";
import { isAction, isEvent } from "./run-source.ts";

/** {@link protectionOf} a target, from the store. */
export async function readProtection(
  read: Reader,
  target: Pick<TargetConfig, "repository" | "name" | "environment">,
): Promise<Protection | null> {
  const row = await read
    .selectFrom("targets")
    .select("protection")
    .where("repository", "=", repositoryKey(target.repository))
    .where("target", "=", target.name)
    .executeTakeFirst();
  return protectionOf(row, target);
}

/** What an arrival waits for at this target; null where it may deploy. A person's request may. */
export function gateFor(
  { source, approvedFor }: Pick<Arrival, "source" | "approvedFor">,
  target: ApprovalRules,
  protection: Protection | null,
): Gate | null {
  return source === "manual" ? null : gateOf(approvedFor, target, protection);
}

const RULES: Record<string, string> = {
  required_reviewers: "required reviewers",
  wait_timer: "a wait timer",
  branch_policy: "allowed branches and tags",
  custom: "rules of other Apps",
};

/** The types of protection rules in words. */
export function describeRules(rules: readonly string[]): string {
  return rules.map((rule) => RULES[rule] ?? rule).join(", ");
}

/** Why an arrival by this route deploys nothing to the target; null where it may. */
export function whyNotByRoute(
  { source }: Pick<Arrival, "source">,
  { name, routes }: Pick<TargetConfig, "name" | "routes">,
): string | null {
  if (isEvent(source) && !routes.includes("event"))
    return `events deploy nothing to ${name}: only an Action may (routes: [action])`;
  if (isAction(source) && !routes.includes("action"))
    return `Actions may not deploy ${name} (routes: [event]); add action to its routes in twinhook.yml, or remove the step`;
  return null;
}

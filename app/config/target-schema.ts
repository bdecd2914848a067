import { z } from "zod";
import { siteUrlFault } from "./checks/site-url.ts";
import { branchRef } from "./refs.ts";
import {
  branchName,
  durationAbove,
  durationOf,
  name,
  refPattern,
  repository,
  runRef,
  text,
  variableName,
  webUrl,
  workflowPath,
} from "./value-types.ts";

const siteUrl = z.string().superRefine((value, context) => {
  const fault = siteUrlFault(value);
  if (fault)
    context.addIssue({
      code: "custom",
      message: fault.expected,
      input: value,
      params: { remedy: fault.remedy },
    });
});
const STATUS = "an HTTP status from 200 to 599";
const verify = z.strictObject({
  url: siteUrl,
  status: z.int({ error: STATUS }).min(200, { error: STATUS }).max(599, { error: STATUS }).default(200),
  body: text.nullable().default(null),
  within: durationOf("60s"),
  interval: durationAbove("100ms", "2s"),
});

const HOSTS = "any, all, a list of hosts, or { all: true, missing: skip }";
const hosts = z.union(
  [
    z.enum(["any", "all"]),
    z.array(text).min(1),
    z.strictObject({ all: z.literal(true), missing: z.literal("skip") }),
  ],
  { error: HOSTS },
);

/** One entry of `targets`. */
export const target = z
  .strictObject({
    name: name.optional(),
    repository,
    environment: text.max(255),
    environment_url: webUrl.nullable().default(null),
    workflow: workflowPath,
    refs: z.array(runRef).min(1).optional(),
    branches: z.array(branchName).min(1).optional(),
    events: z.array(text).min(1).default(["push", "workflow_dispatch"]),
    routes: z
      .array(z.enum(["event", "action"]))
      .min(1)
      .default(["event", "action"]),
    approval: z.enum(["auto", "required", "none"]).default("auto"),
    run: z
      .array(z.string())
      .min(1)
      // The program `env`, which starts the command, would read it as a variable.
      .refine(([command]) => !command?.includes("="), { error: "a command whose name has no `=` in it" }),
    directory: text,
    env: z.record(variableName, z.string()).default({}),
    pass_env: z.array(variableName).default([]),
    mask: z.array(variableName).default([]),
    timeout: durationOf("15m"),
    hosts: hosts.default("any"),
    verify: verify.nullable().default(null),
    queue: z.enum(["latest", "all"]).default("latest"),
    on_interrupt: z.enum(["retry", "fail"]).default("retry"),
    lock: name.nullable().default(null),
    share_log: z.boolean().default(false),
    action: z
      .strictObject({
        secret_env: variableName.optional(),
        workflows: z.array(workflowPath).min(1).optional(),
        refs: z.array(refPattern).min(1).optional(),
        any_sha: z.boolean().default(false),
      })
      .prefault({}),
  })
  .superRefine(({ refs, branches }, context) => {
    if (refs === undefined || branches === undefined) return;
    context.addIssue({
      code: "custom",
      path: ["branches"],
      message: "either refs or branches, which is its short form",
      input: branches,
      params: { remedy: "remove branches, and add each of them to refs as refs/heads/NAME" },
    });
  })
  .superRefine(({ approval, routes }, context) => {
    if (approval !== "required" || routes.includes("action")) return;
    context.addIssue({
      code: "custom",
      path: ["approval"],
      message: "routes with action in it, since only the job of an Action can prove an approval",
      input: `required, with routes: [${routes.join(", ")}]`,
      params: { remedy: "add action to routes, or set approval: none" },
    });
  })
  .transform(({ branches = ["main"], ...value }) => {
    const refs = value.refs ?? branches.map(branchRef);
    return {
      ...value,
      name: value.name ?? value.environment,
      refs,
      action: {
        ...value.action,
        workflows: value.action.workflows ?? [value.workflow],
        refs: value.action.refs ?? refs,
      },
    };
  });

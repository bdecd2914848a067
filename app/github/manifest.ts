import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { appFile } from "../bundle/entry-points.ts";
import type { Permissions } from "./app-facts.ts";

const FILE = appFile("../app.yml");

const manifestSchema = z.object({
  name: z.string(),
  description: z.string(),
  url: z.string(),
  public: z.boolean(),
  default_permissions: z.record(z.string(), z.string()),
  default_events: z.array(z.string()),
});

/** The settings of the GitHub App in app.yml. */
export type Manifest = z.output<typeof manifestSchema>;

/** Reads app.yml, the one source of the App's permissions and events. */
export function readManifest(): Manifest {
  return manifestSchema.parse(parse(readFileSync(FILE, "utf8")));
}

/** The permissions that this installation of Twinhook needs: those of app.yml, and those of enabled options. */
export function neededPermissions(options: { broadcast: boolean; issueAlerts: boolean }): Permissions {
  return {
    ...readManifest().default_permissions,
    ...(options.broadcast && { repository_hooks: "write" }),
    ...(options.issueAlerts && { issues: "write" }),
  };
}

/** The needed permissions that are missing in `given`, such as `deployments: write`. */
export function missingPermissions(needed: Permissions, given: Permissions): string[] {
  const level = (name: string | undefined) => ["read", "write", "admin"].indexOf(name ?? "");
  return Object.entries(needed)
    .filter(([name, wanted]) => level(given[name]) < level(wanted))
    .map(([name, wanted]) => `${name}: ${wanted}`);
}

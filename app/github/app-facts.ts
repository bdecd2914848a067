import type { Probot } from "probot";
import { callLimit } from "./repository-access.ts";

export type Permissions = Record<string, string>;

/** The App as GitHub has it. */
export interface AppFacts {
  name: string;
  /** Its public page, from which it is installed. */
  url: string;
  /** Where its owner changes it. */
  settingsUrl: string;
  permissions: Permissions;
  events: string[];
  installations: InstallationFacts[];
}

/** An installation of the App, and its permissions. Its account must accept permissions that were added later. */
export interface InstallationFacts {
  id: number;
  account: string;
  /** Where the account's owner accepts permissions and chooses repositories. */
  url: string;
  suspended: boolean;
  permissions: Permissions;
  /** `owner/name` of each, as GitHub spells it. */
  repositories: string[];
}

/** Longer lists are cut: people read them. */
const MAX_REPOSITORIES = 500;
const PER_PAGE = 100;

/** Reads what GitHub knows of the App. `githubUrl` is the address of GitHub's pages. */
export async function readAppFacts(app: Probot, githubUrl: string): Promise<AppFacts> {
  const octokit = await app.auth();
  const [{ data }, { data: installations }] = await Promise.all([
    octokit.request("GET /app", { request: callLimit() }),
    octokit.request("GET /app/installations", { per_page: PER_PAGE, request: callLimit() }),
  ]);
  const owner = data?.owner as { login?: string; type?: string } | null | undefined;
  const slug = data?.slug ?? "";
  const place = owner?.type === "Organization" ? `organizations/${owner.login}/settings` : "settings";
  return {
    name: data?.name ?? "",
    url: data?.html_url ?? "",
    settingsUrl: `${githubUrl}/${place}/apps/${slug}`,
    permissions: permissionsOf(data?.permissions),
    events: data?.events ?? [],
    installations: await Promise.all(
      installations.filter(Boolean).map(async (one) => ({
        id: one.id,
        account: (one.account as { login?: string } | null)?.login ?? "",
        url: one.html_url,
        suspended: one.suspended_at !== null && one.suspended_at !== undefined,
        permissions: permissionsOf(one.permissions),
        repositories: one.suspended_at ? [] : await repositoriesOf(app, one.id).catch(noneIfRefused),
      })),
    ),
  };
}

async function repositoriesOf(app: Probot, installation: number): Promise<string[]> {
  const octokit = await app.auth(installation);
  const names: string[] = [];
  for (let page = 1; names.length < MAX_REPOSITORIES; page++) {
    const { data } = await octokit.request("GET /installation/repositories", {
      per_page: PER_PAGE,
      page,
      request: callLimit(),
    });
    names.push(...data.repositories.flatMap((one) => one?.full_name ?? []));
    if (data.repositories.length < PER_PAGE) break;
  }
  return names.toSorted();
}

/** An installation that was suspended or removed a moment ago must not hide the others. */
function noneIfRefused(error: { status?: number }): string[] {
  if (error.status === 403 || error.status === 404) return [];
  throw error;
}

function permissionsOf(permissions: object | undefined): Permissions {
  return Object.fromEntries(
    Object.entries(permissions ?? {}).filter(([, level]) => typeof level === "string"),
  );
}

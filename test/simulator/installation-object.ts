import { accountObject } from "./account-object.ts";
import type { AppIdentity } from "./app-identity.ts";

/** An installation of the App in GitHub's answers. */
export function installationObject(app: AppIdentity, id: number, owner: string) {
  const account = accountObject(owner, "Organization");
  return {
    id,
    account,
    repository_selection: "selected",
    access_tokens_url: `https://api.github.com/app/installations/${id}/access_tokens`,
    repositories_url: "https://api.github.com/installation/repositories",
    html_url: `https://github.com/organizations/${owner}/settings/installations/${id}`,
    app_id: app.id,
    client_id: app.clientId,
    app_slug: app.slug,
    target_id: account.id,
    target_type: account.type,
    permissions: app.permissions,
    events: app.events,
    created_at: app.createdAt,
    updated_at: app.createdAt,
    single_file_name: null,
    has_multiple_single_files: false,
    single_file_paths: [],
    suspended_by: null,
    suspended_at: null,
  };
}

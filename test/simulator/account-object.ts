import { nodeId, stableId } from "./stable-values.ts";

export type AccountType = "User" | "Organization" | "Bot";

/** A user, organization or bot in GitHub's answers and events ("simple user"). */
export function accountObject(login: string, type: AccountType = "User", id = stableId(login)) {
  const name = encodeURIComponent(login);
  const api = `https://api.github.com/users/${name}`;
  return {
    login,
    id,
    node_id: nodeId(type, id),
    avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
    gravatar_id: "",
    url: api,
    html_url:
      type === "Bot" ? `https://github.com/apps/${login.replace("[bot]", "")}` : `https://github.com/${name}`,
    followers_url: `${api}/followers`,
    following_url: `${api}/following{/other_user}`,
    gists_url: `${api}/gists{/gist_id}`,
    starred_url: `${api}/starred{/owner}{/repo}`,
    subscriptions_url: `${api}/subscriptions`,
    organizations_url: `${api}/orgs`,
    repos_url: `${api}/repos`,
    events_url: `${api}/events{/privacy}`,
    received_events_url: `${api}/received_events`,
    type,
    site_admin: false,
  };
}

export type Account = ReturnType<typeof accountObject>;

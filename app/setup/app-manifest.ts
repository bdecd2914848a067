import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { CALLBACK_PATH } from "../auth/github-sign-in.ts";
import { readManifest } from "../github/manifest.ts";

/** GitHub takes no more callback URLs than these. */
const MAX_CALLBACKS = 10;

/** What a new App is made with, beside what app.yml says. */
export interface NewApp {
  name: string;
  /** The instances' public URLs, in order of preference. */
  urls: readonly string[];
  /** Where people will find the pages. */
  home: string;
  /** The URL by which this browser reaches the setup page: GitHub sends it back there. */
  here: string;
}

/**
 * The manifest from which GitHub makes the App: app.yml, with the addresses of this installation.
 * @see https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
 */
export function appManifest({ name, urls, home, here }: NewApp) {
  const { description, default_permissions, default_events, public: isPublic } = readManifest();
  const [first = home] = urls;
  return {
    name,
    description,
    url: home,
    public: isPublic,
    hook_attributes: { url: first + WEBHOOK_PATH, active: true },
    redirect_url: `${here}/setup/created`,
    callback_urls: urls.slice(0, MAX_CALLBACKS).map((url) => url + CALLBACK_PATH),
    setup_url: `${home}/setup`,
    setup_on_update: true,
    default_permissions,
    default_events,
  };
}

/** Where the manifest is sent to: the App belongs to the person, or to an organization of theirs. */
export function manifestAddress(githubUrl: string, organization: string | null, state: string): string {
  const place =
    organization === null ? "settings" : `organizations/${encodeURIComponent(organization)}/settings`;
  return `${githubUrl}/${place}/apps/new?state=${encodeURIComponent(state)}`;
}

import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { CALLBACK_PATH } from "../auth/github-sign-in.ts";
import { readManifest } from "../github/manifest.ts";

/** GitHub's limit on callback URLs. */
const MAX_CALLBACKS = 10;

/** The values of a new App that app.yml does not hold. */
export interface NewApp {
  name: string;
  /** The instances' public URLs, in order of preference. */
  urls: readonly string[];
  /** The URL where people find the pages. */
  home: string;
  /** The URL of the setup page in this browser: GitHub redirects back to it. */
  here: string;
}

/**
 * The manifest from which GitHub creates the App: app.yml plus the addresses of this installation.
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

/** The URL that receives the manifest: for the person, or for one of their organizations. */
export function manifestAddress(githubUrl: string, organization: string | null, state: string): string {
  const place =
    organization === null ? "settings" : `organizations/${encodeURIComponent(organization)}/settings`;
  return `${githubUrl}/${place}/apps/new?state=${encodeURIComponent(state)}`;
}

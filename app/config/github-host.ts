/** The addresses of a GitHub. None ends in a slash. */
export interface GitHubAddresses {
  /** The pages. */
  web: string;
  api: string;
  /** The issuer of its jobs' tokens. */
  issuer: string;
}

/** The default, without GHE_HOST. */
const GITHUB: GitHubAddresses = {
  web: "https://github.com",
  api: "https://api.github.com",
  issuer: "https://token.actions.githubusercontent.com",
};

/** GitHub Enterprise Cloud with data residency: each enterprise has a subdomain. */
const GHE_COM = "ghe.com";

/**
 * The addresses of the GitHub at `host`; of github.com where `host` is null.
 * @see https://docs.github.com/en/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom
 */
export function gitHubAddresses(host: string | null, protocol = "https"): GitHubAddresses {
  if (host === null) return GITHUB;
  const web = `${protocol}://${host}`;
  if (isBelow(host, GHE_COM))
    return { web, api: `${protocol}://api.${host}`, issuer: `${protocol}://token.actions.${host}` };
  return { web, api: `${web}/api/v3`, issuer: `${web}/_services/token` };
}

/** Why `host` cannot be GHE_HOST, with the remedy; null where it can. */
export function wrongGitHubHost(host: string): { expected: string; remedy: string } | null {
  if (!/^[^\s/@]+$/.test(host) || !URL.canParse(`https://${host}`))
    return {
      expected: "a host name, such as github.example.com",
      remedy: "leave out https:// (see GHE_PROTOCOL) and any path",
    };
  if (isBelow(host, "github.com"))
    return {
      expected: "the host of a GitHub Enterprise Server or of GHE.com",
      remedy: "leave it out for github.com",
    };
  const name = nameOf(host);
  if (isBelow(host, GHE_COM) && name.split(".").length !== 3)
    return {
      expected: "the enterprise's own host at GHE.com, such as octocorp.ghe.com",
      remedy: "the addresses of its API and of its tokens follow from it",
    };
  return null;
}

function nameOf(host: string): string {
  return new URL(`https://${host}`).hostname;
}

function isBelow(host: string, domain: string): boolean {
  return `.${nameOf(host)}`.endsWith(`.${domain}`);
}

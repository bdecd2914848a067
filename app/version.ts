import manifest from "../package.json" with { type: "json" };

/** The version of this release. */
export const VERSION: string = manifest.version;

const REPOSITORY = manifest.repository.url.replace(/^git\+/, "").replace(/\.git$/, "");

/** The web address of a page of this release's documentation: its file, with or without `#` and a heading. */
export function docsUrl(page: string): string {
  return `${REPOSITORY}/blob/v${VERSION}/${page}`;
}

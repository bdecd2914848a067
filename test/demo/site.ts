import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The deploy script prints this when a third of its time is left. */
export const HALFWAY = "2/3";

/**
 * The deploy script of the example site: it writes a release and then points `current` to it, as many do. Beside
 * that it notes its start and end in a file, so that the demo need not believe Twinhook what ran when.
 */
export const DEPLOY_SCRIPT = `#!/bin/sh
set -eu
note() { echo "$1 $TWINHOOK_DEPLOYMENT_ID $TWINHOOK_ATTEMPT $TWINHOOK_RUN_ID $TWINHOOK_SHA $(date +%s%N)" >> "$TRACE_FILE"; }
version=$(printf %.7s "$TWINHOOK_SHA")
note start
echo "1/3 fetching $version"
sleep 0.5
echo "${HALFWAY} building the site"
mkdir -p "releases/$version"
echo "<h1>Version $TWINHOOK_SHA</h1>" > "releases/$version/index.html"
sleep 1
ln -sfn "releases/$version" current
echo "3/3 $version is live"
note end
`;

/** The commit of the version that the example site shows, or null before the first deployment. */
export function liveSha(siteDirectory: string): string | null {
  try {
    const page = readFileSync(join(siteDirectory, "current", "index.html"), "utf8");
    return /[0-9a-f]{40}/.exec(page)?.[0] ?? null;
  } catch {
    return null;
  }
}

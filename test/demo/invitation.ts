import { ADMIN_TOKEN } from "../helpers/test-host.ts";
import type { Stage } from "./stage.ts";
import type { Timeline } from "./timeline.ts";

/** Shows someone at a terminal where everything is, to look around in until Ctrl-C. */
export function printInvitation(timeline: Timeline, { host, github }: Stage, folder: string): void {
  const [url] = Object.values(host.urls);
  const asAdmin = `curl -s -H "Authorization: Bearer ${ADMIN_TOKEN}"`;
  timeline.heading("Everything stays up until Ctrl-C. Look around, or kill an instance yourself:");
  for (const [name, address] of Object.entries(host.urls)) timeline.line(`  ${name.padEnd(12)} ${address}`);
  timeline.line(`  ${"GitHub".padEnd(12)} ${github.url} (simulated)`);
  timeline.line(`  ${"folder".padEnd(12)} ${folder}`);
  timeline.line(`  ${"dashboard".padEnd(12)} ${url}/ (sign in with the admin token: ${ADMIN_TOKEN})`);
  timeline.line(`  ${"ready?".padEnd(12)} curl -s ${url}/readyz`);
  timeline.line(`  ${"status".padEnd(12)} ${asAdmin} ${url}/api/status`);
  timeline.line(`  ${"deployments".padEnd(12)} ${asAdmin} ${url}/api/deployments`);
  timeline.line(`  ${"deliveries".padEnd(12)} ${asAdmin} ${url}/api/deliveries`);
}

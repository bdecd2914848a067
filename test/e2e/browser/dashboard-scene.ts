import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { openWindow, type VisitorOptions } from "../../helpers/browser.ts";
import type { Engine } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, type TestHostOptions } from "../../helpers/test-host.ts";
import { type FailoverScene, type How, setFailoverScene } from "../failover-scene.ts";

/** Prints what the test has it say, until the test tells it how to end. */
const SCRIPT = `#!/bin/sh
echo "deploying $TWINHOOK_SHA"
while :; do
  if [ -e say ]; then cat say; rm say; fi
  if [ -e end ]; then code=$(cat end); rm end; exit "$code"; fi
  sleep 0.05
done
`;

/** Twins, and a deploy script that is in the test's hand. */
export async function setDashboardScene(
  engine: Engine,
  options: Omit<TestHostOptions, "github" | "store" | "script"> = {},
  how: How = {},
): Promise<DashboardScene> {
  const scene = await setFailoverScene(
    engine,
    { config: { failover: { recovery_threshold: 2 } }, ...options, script: SCRIPT },
    how,
  );
  return new DashboardScene(scene);
}

export class DashboardScene {
  readonly failover: FailoverScene;

  constructor(failover: FailoverScene) {
    this.failover = failover;
  }

  get host() {
    return this.failover.host;
  }

  /** A person's window at an instance, signed in with the admin token, on this page. */
  async open(
    instance: string,
    path = "/",
    options: VisitorOptions = {},
  ): Promise<{ page: Page; trouble: string[] }> {
    const { page, trouble } = await openWindow(Object.values(this.host.urls), options);
    await page.goto(this.host.url(instance, path));
    await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
    await page.keyboard.press("Enter");
    await page.waitForURL(this.host.url(instance, path));
    if (options.javaScriptEnabled !== false) await page.locator('#live[data-state="live"]').waitFor();
    return { page, trouble };
  }

  /** Has the running command print this. */
  say(text: string): void {
    this.#leave("say", text);
  }

  /** Has the running command, or the next one, end with this code. */
  end(code = 0): void {
    this.#leave("end", String(code));
  }

  /** As a whole, or not at all: the command reads it at any moment. */
  #leave(name: string, text: string): void {
    const file = join(this.host.siteDirectory, name);
    if (existsSync(file)) throw new Error(`the command has not read ${name} yet`);
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }
}

import { afterAll, describe, it, vi } from "vitest";
import { atTestEnd } from "../helpers/at-test-end.ts";
import {
  accessibilityProblems,
  closeBrowser,
  DESKTOP,
  openWindow,
  overflow,
  PHONE,
  screenshot,
} from "../helpers/browser.ts";
import { ENGINES, newDatabaseUrl } from "../helpers/stores.ts";
import { ADMIN_TOKEN, DELIVERY_SECRET, TestHost } from "../helpers/test-host.ts";
import { UNHURRIED } from "../helpers/thresholds.ts";
import { type GitHub, startGitHub } from "../simulator/simulator.ts";

// Pages and processes keep both processors busy; more at once get no faster.
vi.setConfig({ maxConcurrency: 2 });
afterAll(closeBrowser);

const SCREENS = [
  [DESKTOP, "light"],
  [PHONE, "dark"],
  [DESKTOP, "dark"],
] as const;
const HOSTILE = `"><img src=x onerror=alert(1)><script>alert(2)</script>`;

async function scene(
  engine: (typeof ENGINES)[number],
  change: { github?: GitHub; env?: Record<string, string> } = {},
) {
  const github = change.github ?? (await startGitHub());
  atTestEnd(() => github.close());
  github.addRepository("acme/site");
  const host = await TestHost.create({
    github,
    store: await newDatabaseUrl(engine),
    targets: [
      {},
      { repository: "acme/elsewhere", environment: HOSTILE, name: "odd", run: ["./deploy.sh", HOSTILE] },
    ],
    config: { admins: ["octocat"], failover: { ...UNHURRIED, window: "30s" } },
    ...(change.env && { env: change.env }),
  });
  atTestEnd(() => host.close());
  return { github, host };
}

describe.concurrent.each(ENGINES)("the settings page, with the %s store", (engine) => {
  it("switches over and back by its buttons, with and without scripts, and keeps who did it", async ({
    expect,
  }) => {
    const { github, host } = await scene(engine);
    await Promise.all([host.startInProcess("primary"), host.startInProcess("backup")]);
    await github.waitFor(() => github.hook.config.url?.startsWith(host.url("primary")));
    for (const javaScriptEnabled of [true, false]) {
      const { page, trouble } = await openWindow(Object.values(host.urls), { javaScriptEnabled });
      await page.goto(host.url("primary", "/settings"));
      await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
      await page.getByRole("button", { name: "Sign in with the token" }).click();
      await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();

      // Until its script has run, the page works as without.
      await page.waitForLoadState();
      await page.getByRole("link", { name: "Switch over to backup" }).click();
      if (javaScriptEnabled) await page.getByRole("dialog").waitFor();
      else expect(page.url()).toContain("/settings/switchover?to=backup");
      await page.getByLabel("Reason").fill(`maintenance ${HOSTILE}`);
      await page.getByRole("button", { name: "Switch over" }).click();
      await page.getByRole("status").getByText("Backup is to be the active one").waitFor();
      await github.waitFor(() => github.hook.config.url?.startsWith(host.url("backup")));

      await page.reload();
      await page.getByText(`kept as the active one by a switchover (maintenance ${HOSTILE})`).waitFor();
      await page.getByRole("link", { name: "Release the switchover" }).click();
      await page.getByRole("button", { name: "Release" }).click();
      await page.getByRole("status").getByText("No instance is pinned any more").waitFor();
      await github.waitFor(() => github.hook.config.url?.startsWith(host.url("primary")));

      const rows = page.locator("#audit tbody tr");
      await expect
        .poll(() => rows.first().innerText())
        .toMatch(/admin token\s+recovery\s+no instance is pinned/);
      await expect
        .poll(() => rows.nth(1).innerText())
        .toMatch(/admin token\s+switchover backup, maintenance/);
      expect(trouble).toEqual([]);
    }
  });

  it("shows what is in effect and where it comes from, on every screen, and no secret", async ({
    expect,
  }) => {
    const { github, host } = await scene(engine);
    await host.startInProcess("primary");
    for (const [viewport, colorScheme] of engine === "sqlite" ? SCREENS : SCREENS.slice(0, 1)) {
      const { page, trouble } = await openWindow(Object.values(host.urls), { viewport, colorScheme });
      await page.goto(host.url("primary", "/sign-in?return_to=/settings"));
      expect(await accessibilityProblems(page)).toEqual([]);
      await screenshot(page, `sign-in-${viewport.width}-${colorScheme}-${engine}`);
      await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
      await page.getByRole("button", { name: "Sign in with the token" }).click();
      await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();
      for (const summary of await page.locator("summary").all()) await summary.click();
      const text = await page.locator("main").innerText();
      expect(text).toMatch(/failover\.window\s+30s\s+twinhook\.yml, line \d+/);
      expect(text).toMatch(/failover\.health_check_interval\s+500ms\s+default/);
      expect(text).toMatch(/TWINHOOK_ADMIN_TOKEN\s+set; not shown/);
      expect(text).toContain(HOSTILE);
      expect(text).toContain("The App is not installed on acme/elsewhere");
      if (engine === "postgres") expect(text).toMatch(/store\s+postgres:\S+\s+environment, DATABASE_URL/);
      const shown = await page.content();
      const { webhookSecret, clientSecret, privateKey } = github.app;
      for (const secret of [
        ADMIN_TOKEN,
        webhookSecret,
        clientSecret,
        privateKey.split("\n")[3] ?? "",
        DELIVERY_SECRET,
      ])
        expect(shown.includes(secret)).toBe(false);
      expect(await overflow(page)).toBeLessThanOrEqual(0);
      expect(await accessibilityProblems(page)).toEqual([]);
      await screenshot(page, `settings-${viewport.width}-${colorScheme}-${engine}`);
      expect(trouble).toEqual([]);
    }
  });
});

describe.concurrent("the settings page", () => {
  it("says in words why it cannot switch to an instance that is down, and offers the way back and to insist", async ({
    expect,
  }) => {
    const { host } = await scene("sqlite");
    const [, backup] = await Promise.all([host.startInProcess("primary"), host.startInProcess("backup")]);
    await expect
      .poll(
        async () =>
          (
            (await (await host.admin("primary", "GET", "/api/status")).json()) as {
              endpoints: { status: string }[];
            }
          ).endpoints[1]?.status,
      )
      .toBe("healthy");
    await backup.kill();
    const { page, trouble } = await openWindow(Object.values(host.urls));
    await page.goto(host.url("primary", "/sign-in?return_to=/settings"));
    await page.getByLabel("Admin token").fill(ADMIN_TOKEN);
    await page.getByRole("button", { name: "Sign in with the token" }).click();
    const instances = async () => {
      await page.reload();
      return page.locator("#instances").innerText();
    };
    await expect.poll(instances).toContain("unhealthy");
    await page.getByRole("link", { name: "Switch over to backup" }).click();
    const answer = page.waitForResponse((response) => response.request().method() === "POST");
    await page.getByRole("button", { name: "Switch over" }).click();
    expect((await answer).status()).toBe(409);
    await page
      .getByRole("alert")
      .getByText(/Backup is unhealthy: .*; wait until it is healthy, or insist/)
      .waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await screenshot(page, "settings-error");
    await page.getByRole("link", { name: "Do it all the same" }).click();
    await page.getByText("although it is not healthy").waitFor();
    await page.getByRole("link", { name: "Leave it" }).click();
    await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();
    await expect
      .poll(() => page.locator("#audit tbody tr").first().innerText())
      .toMatch(/switchover backup\s+refused \(409\): backup is unhealthy/);
    // The browser tells of the refusal itself on its console.
    expect(trouble.filter((one) => !one.includes("409"))).toEqual([]);
  });

  it("is reached by signing in with GitHub, also at the twin, and is left by signing out", async ({
    expect,
  }) => {
    const { github, host } = await scene("sqlite");
    await Promise.all([host.startInProcess("primary"), host.startInProcess("backup")]);
    const { page, trouble } = await openWindow([...Object.values(host.urls), github.url]);
    await page.goto(host.url("primary", "/settings#audit"));
    await page.getByRole("link", { name: "Sign in with GitHub" }).click();
    await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toBe("/settings");
    await page.goto(host.url("backup", "/settings"));
    await page.getByText("as the instance backup has them").waitFor();
    await page.getByText("octocat", { exact: true }).first().waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    await page.goto(host.url("primary", "/settings"));
    await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    expect(trouble).toEqual([]);
  });
});

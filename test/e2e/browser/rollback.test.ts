import { afterAll, expect, it } from "vitest";
import { accessibilityProblems, closeBrowser, screenshot } from "../../helpers/browser.ts";
import { deliverRun } from "../twins.ts";
import { setDashboardScene } from "./dashboard-scene.ts";

afterAll(closeBrowser);

it("a person rolls back in the browser; newer runs wait, and the release deploys only the newest", async () => {
  const scene = await setDashboardScene("sqlite", { targets: [{ queue: "latest" }] }, { inProcess: "all" });
  const { host } = scene;
  const becomes = (id: string, wanted: string) =>
    host.deployment("primary", id, ({ status }) => status === wanted);
  const deliver = () => deliverRun(scene.failover.scene, "primary");
  const deploy = async () => {
    const id = await deliver();
    scene.end();
    return becomes(id, "succeeded");
  };
  const [good, broken] = [await deploy(), await deploy()];

  const { page, trouble } = await scene.open("primary");
  await page.locator('[data-region="targets"]').getByRole("link", { name: "production" }).click();
  await page.getByRole("link", { name: "Roll back…", exact: true }).click();
  const compare = page.getByRole("link", { name: "Compare at GitHub" });
  expect(await compare.getAttribute("href")).toContain(`/compare/${good.sha}...${broken.sha}`);
  expect(await accessibilityProblems(page)).toEqual([]);
  await screenshot(page, "roll-back");
  await page.getByLabel("Reason").fill("the checkout is broken");
  await page.getByRole("button", { name: `Roll back to ${good.sha.slice(0, 7)}` }).click();
  await page.waitForURL("**/deployments/dep_*");
  scene.end();
  await becomes(new URL(page.url()).pathname.replace("/deployments/", ""), "succeeded");
  const head = page.locator('[data-region="head"]');
  await head.getByText("succeeded", { exact: true }).waitFor();
  expect(await head.getByRole("link", { name: good.sha.slice(0, 7) }).count()).toBe(1);

  const waiting = [await deliver(), await deliver(), await deliver()];
  const banner = page.getByRole("region", { name: "Held targets" });
  await banner.getByText("3 runs wait.").waitFor();
  await banner.getByText("the checkout is broken").waitFor();
  await banner.getByRole("link", { name: "production of acme/site" }).click();
  await page.getByRole("link", { name: "Release…" }).waitFor();
  expect(await accessibilityProblems(page)).toEqual([]);
  await screenshot(page, "held-target");
  await page.getByRole("link", { name: "Release…" }).click();
  await page.getByText("1 run begins; 2 older are superseded").waitFor();
  await page.getByRole("button", { name: "Release" }).click();
  await page.locator('[data-region="head"]').getByRole("link", { name: "Hold…" }).waitFor();
  scene.end();
  await becomes(waiting[2] as string, "succeeded");
  for (const id of waiting.slice(0, 2)) await becomes(id, "superseded");
  expect(await banner.count()).toBe(0);

  await page.getByRole("link", { name: "Settings" }).click();
  const audit = page.locator("#audit tbody tr");
  expect(await audit.count()).toBe(2);
  expect(await audit.nth(0).innerText()).toMatch(
    /release production of acme\/site\s+released; admin token held/,
  );
  expect(await audit.nth(1).innerText()).toMatch(
    /rollback production of acme\/site to .*: the checkout is broken/,
  );
  expect(trouble).toEqual([]);
});

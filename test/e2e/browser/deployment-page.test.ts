import { afterAll, expect, it } from "vitest";
import { closeBrowser, PHONE } from "../../helpers/browser.ts";
import { deliverRun } from "../twins.ts";
import { setDashboardScene } from "./dashboard-scene.ts";

afterAll(closeBrowser);

/** A failed deployment, and how to open its page. */
async function failedDeployment() {
  const scene = await setDashboardScene("sqlite", {}, { inProcess: "all" });
  const id = await deliverRun(scene.failover.scene, "primary");
  scene.end(1);
  const { sha } = await scene.host.deployment("primary", id, ({ status }) => status === "failed");
  return { sha, open: (options = {}) => scene.open("primary", `/deployments/${id}`, options) };
}

it("a deployment's page keeps its reason at a distance from its head, also on a phone", async () => {
  const { open } = await failedDeployment();
  for (const options of [{}, { viewport: PHONE }]) {
    const { page } = await open(options);
    const head = await page.locator(".page-head").boundingBox();
    const reason = await page.locator(".reason-flash").boundingBox();
    if (!head || !reason) throw new Error("the page shows no head or no reason");
    expect(reason.y - (head.y + head.height)).toBeGreaterThanOrEqual(8);
  }
});

it("a deployment's page copies the commit, also where the browser has no clipboard for it", async () => {
  const { sha, open } = await failedDeployment();
  const { page, trouble } = await open();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const clipboard = () => page.evaluate("navigator.clipboard.readText()");
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  expect(await clipboard()).toBe(sha);
  await page.getByRole("button", { name: "Copy", exact: true }).waitFor();

  await page.evaluate("navigator.clipboard.writeText('something else')");
  // As on a page that came by http from another machine.
  await page.evaluate("navigator.clipboard.writeText = undefined");
  await page.getByRole("button", { name: "Copy", exact: true }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  expect(await clipboard()).toBe(sha);
  expect(trouble).toEqual([]);
});

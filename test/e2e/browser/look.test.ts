import { afterAll, describe, expect, it } from "vitest";
import {
  accessibilityProblems,
  closeBrowser,
  DESKTOP,
  openWindow,
  overflow,
  PHONE,
  screenshot,
} from "../../helpers/browser.ts";
import { deliverRun } from "../twins.ts";
import { setDashboardScene } from "./dashboard-scene.ts";

afterAll(closeBrowser);

// Colours do not depend on the size, and sizes not on the colours.
const SCREENS = [
  ["desktop", DESKTOP, "light"],
  ["phone", PHONE, "dark"],
] as const;

describe("the pages", () => {
  it("have no fault that axe finds and fit their window: on phones and desks, light and dark", async () => {
    const scene = await setDashboardScene(
      "sqlite",
      { targets: [{}, { name: "staging", environment: "staging", branches: ["next"] }] },
      { inProcess: "all" },
    );
    const { host } = scene;
    const staging = scene.failover.github.completeRun({
      repository: "acme/site",
      branch: "next",
      send: false,
    });
    await host.sendEvent("backup", staging.event);
    scene.end(3);
    await host.deployment(
      "primary",
      (await host.deployments("primary"))[0]?.id ?? "",
      ({ status }) => status === "failed",
    );
    await host.admin("primary", "POST", "/api/switchover", {
      to: "backup",
      reason: "new disk in the primary",
    });
    await scene.failover.until("backup", ({ active, webhook }) => active === "backup" && webhook.in_sync);
    const id = await deliverRun(scene.failover.scene, "backup");
    // Its banner is on every page.
    await host.admin("primary", "POST", "/api/targets/acme/site/staging/hold", { reason: "a freeze" });
    const delivery = (
      (await (await host.admin("primary", "GET", "/api/deliveries")).json()) as {
        items: { id: string; outcome: string }[];
      }
    ).items.find(({ outcome }) => outcome === "deployed");

    const { page, trouble } = await scene.open("primary", `/deployments/${id}`);
    scene.say(
      "\u001b[1mInstalling\u001b[0m\n\u001b[32m✓ 212 packages\u001b[0m in 3 s\n\u001b[33mwarn\u001b[0m an old one\n\u001b[36mBuilding\u001b[0m\n\u001b[31m✗ one picture is missing\u001b[0m\n\u001b[90mgoing on\u001b[0m\n\u001b[45mdone\u001b[0m\n",
    );
    await page.locator("#log").getByText("done").waitFor();
    const pages = {
      overview: "/",
      deployments: "/deployments",
      deployment: `/deployments/${id}`,
      deliveries: "/deliveries",
      delivery: `/deliveries/${delivery?.id}`,
      target: "/targets/acme/site/production",
    };
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(host.url("primary", path));
      await page.locator('#live[data-state="live"]').waitFor();
      for (const [device, viewport, colorScheme] of SCREENS) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        expect([path, await accessibilityProblems(page)]).toEqual([path, []]);
        expect([path, await overflow(page)]).toEqual([path, 0]);
        await screenshot(page, `${name}-${device}-${colorScheme}`);
      }
    }
    expect(trouble).toEqual([]);
    scene.end();
  });

  it("ask who one is, can be used with the keyboard alone, and say what is not there, with the way back", async () => {
    const scene = await setDashboardScene("sqlite", {}, { inProcess: "all" });
    const stranger = await openWindow(Object.values(scene.host.urls));
    await stranger.page.goto(scene.host.url("primary", "/deliveries?outcome=deployed"));
    expect(new URL(stranger.page.url()).pathname).toBe("/sign-in");
    const { page } = await scene.open("primary", "/deliveries?outcome=deployed");
    expect(await page.getByLabel("Outcome").inputValue()).toBe("deployed");

    for (const path of ["/deployments/dep_0", "/deliveries/dlv_0", "/no-such-page"]) {
      const answer = await page.goto(scene.host.url("primary", path));
      expect(answer?.status()).toBe(404);
      await page.getByRole("heading", { name: "Page not found" }).waitFor();
      await page.getByRole("navigation").getByRole("link", { name: "Deployments" }).waitFor();
      expect(await accessibilityProblems(page)).toEqual([]);
    }
    await page.getByRole("link", { name: "Back to the overview" }).click();
    await page.locator('#live[data-state="live"]').waitFor();

    const focused = () => page.evaluate("document.activeElement.textContent.trim()");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Switch over…");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await screenshot(page, "switch-over");
    await page.keyboard.press("Escape");
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect(await focused()).toBe("Switch over…");
  });
});

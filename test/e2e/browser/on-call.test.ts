import { afterAll, describe, expect, it } from "vitest";
import { closeBrowser } from "../../helpers/browser.ts";
import { ENGINES } from "../../helpers/stores.ts";
import { deliverRun } from "../twins.ts";
import { setDashboardScene } from "./dashboard-scene.ts";

afterAll(closeBrowser);

describe.concurrent.each(ENGINES)("a person on call, with the store on %s", (engine) => {
  it("follows, cancels and retries a deployment, switches over and back, and sees a failover without loading a page again", async () => {
    const scene = await setDashboardScene(engine, {}, { inProcess: ["backup"] });
    const { page, trouble } = await scene.open("primary");
    await page.getByText("Deployments are safe.").waitFor();

    const id = await deliverRun(scene.failover.scene, "backup");
    const entry = page.locator('[data-region="pending"]').locator(`#row-${id}`);
    await entry.getByText("running").waitFor();
    await entry.getByRole("link", { name: "acme/site to production" }).click();
    await page.waitForURL(scene.host.url("primary", `/deployments/${id}`));
    const log = page.locator("#log");
    await log.getByText("deploying").waitFor();
    await page.locator('#live[data-state="live"]').waitFor();
    await page.evaluate("globalThis.sameWindow = true");

    scene.say("\u001b[31mred\u001b[0m and plain\n");
    await log.locator(".ansi-red-fg", { hasText: "red" }).waitFor();

    // It asks first, and the way back changes nothing.
    await page.getByRole("button", { name: "Cancel…" }).click();
    await page.getByRole("button", { name: "Leave it" }).click();
    expect(await page.getByRole("dialog").count()).toBe(0);
    await page.getByRole("button", { name: "Cancel…" }).click();
    await page.getByRole("button", { name: "Cancel the deployment" }).click();
    const head = page.locator('[data-region="head"]');
    await head.getByText("cancelled", { exact: true }).waitFor();

    scene.end(1);
    await page.getByRole("button", { name: "Retry…" }).click();
    await page.getByRole("button", { name: "Retry", exact: true }).click();
    await log.getByRole("heading", { name: "Attempt 2" }).waitFor();
    await head.getByText("failed", { exact: true }).waitFor();
    await page.getByText("The command exited with code 1.").waitFor();
    expect(await page.evaluate("globalThis.sameWindow")).toBe(true);
    expect(trouble).toEqual([]);

    // The next deployment goes well, and the overview is calm again.
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByText("the last one of production of acme/site failed").waitFor();
    scene.end();
    await deliverRun(scene.failover.scene, "primary");
    await page.evaluate("globalThis.sameWindow = true");
    const verdict = page.getByRole("status", { name: "Verdict" });
    const backup = page.locator("#endpoint-backup");
    const live = page.locator("#live");
    await verdict.getByText("GitHub delivers to primary.").waitFor();

    // Switch over, and back.
    await page.getByRole("button", { name: "Switch over…" }).click();
    expect(await page.getByLabel("Instance").inputValue()).toBe("backup");
    await page.getByLabel("Reason").fill("trying it");
    await page.getByRole("button", { name: "Switch over", exact: true }).click();
    await verdict.getByText("a switchover holds them on backup").waitFor();
    await verdict.getByText("trying it").waitFor();
    await backup.getByText("active: GitHub delivers here").waitFor();
    await backup.getByText("pinned").waitFor();
    await page.getByRole("button", { name: "Release backup…" }).click();
    await page.getByRole("button", { name: "Release", exact: true }).click();
    await verdict.getByText("GitHub delivers to primary.").waitFor();
    const timeline = page.locator('[data-region="changes"] li');
    await timeline.getByText("recovery").first().waitFor();

    await scene.failover.process("primary").kill("SIGKILL");
    await verdict.getByText("only as long as backup runs: primary does not answer").waitFor();
    await verdict.getByText("primary: its process is gone.").waitFor();
    await verdict.getByText("It is started again by itself").waitFor();
    await timeline.first().getByText("failover").waitFor();
    await timeline
      .first()
      .getByText(/at GitHub after/)
      .waitFor();
    await backup.getByText("active: GitHub delivers here").waitFor();
    await live.getByText("Live by backup").waitFor();
    expect(await page.getByRole("link", { name: "Go to backup" }).getAttribute("href")).toBe(
      scene.host.url("backup", "/"),
    );

    await scene.failover.start("primary");
    await verdict.getByText("Deployments are safe.").waitFor();
    await live.getByText("Live", { exact: true }).waitFor();
    expect(await page.evaluate("globalThis.sameWindow")).toBe(true);
    // The browser notes every connection that was refused or cut, and an instance that had no time to commit.
    expect(trouble.filter((what) => !/net::ERR_CONNECTION_|status of 503/.test(what))).toEqual([]);
  });
});

describe.concurrent("a page", () => {
  it("can be read without scripts, and with them says that it is old when no instance is left", async () => {
    const scene = await setDashboardScene("sqlite");
    const id = await deliverRun(scene.failover.scene, "primary");
    scene.end();
    await scene.host.deployment("primary", id, ({ status }) => status === "succeeded");
    const plain = await scene.open("backup", "/", { javaScriptEnabled: false });
    await plain.page.getByText("Deployments are safe.").waitFor();
    expect(await plain.page.getByRole("button", { name: "Switch over…" }).isVisible()).toBe(false);
    await plain.page.getByRole("link", { name: "Deployments", exact: true }).click();
    await plain.page.getByLabel("Status").selectOption("failed");
    await plain.page.getByRole("button", { name: "Show" }).click();
    await plain.page.getByText("No deployment matches").waitFor();
    await plain.page.getByRole("link", { name: "Clear" }).click();
    await plain.page.getByRole("link", { name: "acme/site to production" }).click();
    await plain.page.locator("#log").getByText("deploying").waitFor();
    expect(plain.trouble).toEqual([]);

    const { page } = await scene.open("backup");
    // As it is in a browser whose language the library of the chart cannot read.
    await page.route("**/uPlot.esm.js", (route) =>
      route.fulfill({ contentType: "text/javascript", body: "throw new RangeError('no such locale')" }),
    );
    await page.reload();
    await page.getByText("This browser cannot draw the chart.").waitFor();
    await page.locator("#live").getByText("Live", { exact: true }).waitFor();
    await Promise.all(["primary", "backup"].map((name) => scene.failover.process(name).kill("SIGKILL")));
    await page.locator("#live").getByText("Old data, as it was").waitFor();
    await scene.failover.start("backup");
    await page.locator("#live").getByText("Live", { exact: true }).waitFor();
    await page.getByText("only as long as backup runs").waitFor();
  });
});

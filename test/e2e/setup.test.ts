import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseEnv } from "node:util";
import type { Page } from "playwright-core";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import {
  accessibilityProblems,
  closeBrowser,
  openWindow,
  overflow,
  PHONE,
  screenshot,
} from "../helpers/browser.ts";
import { freePorts } from "../helpers/free-ports.ts";
import { AppProcess } from "../helpers/process.ts";
import { startGitHub } from "../simulator/simulator.ts";

const MAIN = resolve(import.meta.dirname, "../../app/main.ts");
const CODE = /one-time code: ([A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4})/;

afterAll(closeBrowser);

/** A folder in which nothing but the addresses of the instances is written, and a GitHub where there is no App yet. */
async function nothing() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  github.addRepository("acme/<b>odd");
  const directory = mkdtempSync(join(tmpdir(), "twinhook-"));
  const ports = await freePorts(2);
  const urls = ports.map((port) => `http://127.0.0.1:${port}`);
  const instances = ["primary", "backup"].map((name, at) => ({
    name,
    url: urls[at],
    listen: `127.0.0.1:${ports[at]}`,
  }));
  writeFileSync(join(directory, "twinhook.yml"), stringify({ instances }));
  const started: AppProcess[] = [];
  onTestFinished(async () => {
    await Promise.all(started.map((one) => one.kill("SIGTERM")));
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  return {
    github,
    directory,
    url: urls[0] as string,
    origins: [...urls, github.url],
    envFile: join(directory, ".env"),
    /** What `npm start` does. */
    start: () => {
      const { GHE_HOST, GHE_PROTOCOL } = github.environment();
      const env = { PATH: process.env.PATH, HOME: process.env.HOME, GHE_HOST, GHE_PROTOCOL };
      const process_ = new AppProcess([MAIN], { cwd: directory, env });
      started.push(process_);
      return process_;
    },
  };
}

async function codeOf(process_: AppProcess): Promise<string> {
  const { msg = "" } = await process_.line((line) => CODE.test(line.msg ?? ""));
  return CODE.exec(msg)?.[1] ?? "";
}

async function enter(page: Page, code: string): Promise<void> {
  await page.getByLabel("One-time code").fill(code);
  await page.getByRole("button", { name: "Continue" }).click();
}

describe("npm start where there is no App yet", () => {
  it("leads from nothing to running instances, and shows what is left to do", async () => {
    const { github, url, origins, envFile, start } = await nothing();
    const supervisor = start();
    const code = await codeOf(supervisor);
    expect(supervisor.output).toContain(`${url}/setup`);

    const { page, trouble } = await openWindow(origins);
    await page.goto(url);
    await enter(page, "AAAA-BBBB-CCCC");
    await page.getByRole("alert").getByText("This is not the code").waitFor();
    await enter(page, code.toLowerCase().replaceAll("-", " "));
    await page.getByRole("heading", { name: "Make the GitHub App" }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await screenshot(page, "setup-start");
    await page.getByLabel("Name").fill("Twinhook <acme>");
    await page.getByLabel("Organization").fill("acme");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: /^Continue at/ }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await screenshot(page, "setup-manifest");
    await page.getByRole("button", { name: /^Continue at/ }).click();
    await page.getByRole("heading", { name: "The App is made" }).waitFor();
    const made = await page.content();

    // What GitHub was asked for is what app.yml says, at this installation's addresses.
    const submitted = github.requests.find(({ path }) => path === "/organizations/acme/settings/apps/new");
    const manifest = JSON.parse(new URLSearchParams(submitted?.body ?? "").get("manifest") ?? "{}");
    expect(manifest).toMatchObject({
      name: "Twinhook <acme>",
      public: false,
      hook_attributes: { url: `${url}/api/github/webhooks`, active: true },
      redirect_url: `${url}/setup/created`,
      setup_url: `${url}/setup`,
      callback_urls: origins.slice(0, 2).map((origin) => `${origin}/sign-in/github/callback`),
      default_permissions: { actions: "read", contents: "read", deployments: "write", metadata: "read" },
      default_events: ["workflow_run", "deployment", "create", "delete"],
    });

    // The secrets are in a file that only its owner may read, and nowhere else.
    const written = parseEnv(readFileSync(envFile, "utf8"));
    const { app } = github;
    expect(written).toMatchObject({
      APP_ID: String(app.id),
      PRIVATE_KEY: app.privateKey,
      WEBHOOK_SECRET: app.webhookSecret,
      GITHUB_CLIENT_ID: app.clientId,
      GITHUB_CLIENT_SECRET: app.clientSecret,
      TWINHOOK_ADMIN_TOKEN: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(statSync(envFile).mode & 0o777).toBe(0o600);
    const secrets = [
      app.webhookSecret,
      app.clientSecret,
      written.TWINHOOK_ADMIN_TOKEN ?? "",
      app.privateKey.split("\n")[2] ?? "",
    ];
    for (const secret of secrets)
      expect([made.includes(secret), supervisor.output.includes(secret)]).toEqual([false, false]);

    // The instances start, and the page goes on by itself.
    await page.getByRole("heading", { name: "Set up", exact: true }).waitFor();
    await page.getByText("acme/site").first().waitFor();
    await page.getByText("acme/<b>odd", { exact: true }).waitFor();
    await page.locator("summary", { hasText: "acme/site" }).click();
    await page.getByText("repository: acme/site").waitFor();
    await github.waitFor(() => github.hook.config.url === `${url}/api/github/webhooks`);
    await github.send("ping", { zen: "Keep it logically awesome.", hook_id: 1 }).delivery;
    await page.getByRole("button", { name: "Let GitHub send a test delivery" }).click();
    await page
      .getByRole("status")
      .getByText(/GitHub delivered a ping event, and it was answered with 202/)
      .waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await screenshot(page, "setup-left-to-do");
    expect(trouble.filter((one) => !/Failed to load resource|readyz/.test(one))).toEqual([]);

    // The token from the file opens the settings.
    await page.goto(`${url}/settings`);
    await page.getByLabel("Admin token").fill(written.TWINHOOK_ADMIN_TOKEN ?? "");
    await page.getByRole("button", { name: "Sign in with the token" }).click();
    await page.getByRole("heading", { name: "Settings", exact: true }).waitFor();

    // From now on `npm start` starts the instances, and their setup page wants a code of theirs.
    await supervisor.kill("SIGTERM");
    const again = start();
    await again.line(({ msg, instance }) => msg === "listening" && instance === "primary");
    const other = await openWindow(origins, { viewport: PHONE, colorScheme: "dark" });
    await other.page.goto(`${url}/setup?installation_id=1&setup_action=install`);
    await enter(other.page, code);
    await other.page.getByRole("alert").getByText("This is not the code").waitFor();
    const fresh = await again.line((line) => line.instance === "primary" && CODE.test(line.msg ?? ""));
    const freshCode = CODE.exec(fresh.msg ?? "")?.[1] ?? "";
    await enter(other.page, freshCode);
    await other.page.getByRole("heading", { name: "Set up", exact: true }).waitFor();
    expect(await overflow(other.page)).toBeLessThanOrEqual(0);
    expect(await accessibilityProblems(other.page)).toEqual([]);
    await screenshot(other.page, "setup-phone-dark");
    const third = await openWindow(origins);
    await third.page.goto(`${url}/setup`);
    await enter(third.page, freshCode);
    await third.page.getByRole("alert").waitFor();
  });

  it("asks before it replaces what .env says of an App, keeps the rest, and works without scripts", async () => {
    const { github, url, origins, envFile, start } = await nothing();
    const before =
      "# ours\nSITE_DELIVERY_SECRET=keep\nWEBHOOK_SECRET='of an earlier App'\nTWINHOOK_ADMIN_TOKEN=the-token-that-is-there\n";
    writeFileSync(envFile, before);
    const supervisor = start();
    const { page } = await openWindow(origins, { javaScriptEnabled: false });
    const code = await codeOf(supervisor);
    await page.goto(`${url}/setup`);
    await enter(page, code);
    await page.getByText(`Replace WEBHOOK_SECRET in ${envFile}`).waitFor();
    // Past the browser's own check that the box is ticked.
    await page.locator("form[action='/setup/app']").evaluate((form: { noValidate: boolean }) => {
      form.noValidate = true;
    });
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("alert").getByText("agree that they are replaced").waitFor();
    expect(readFileSync(envFile, "utf8")).toBe(before);

    await page.getByRole("checkbox").check();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("button", { name: /^Continue at/ }).click();
    await page.getByRole("heading", { name: "The App is made" }).waitFor();
    const text = readFileSync(envFile, "utf8");
    expect(text).toContain("# ours\nSITE_DELIVERY_SECRET=keep\n");
    expect(parseEnv(text)).toMatchObject({
      WEBHOOK_SECRET: github.app.webhookSecret,
      TWINHOOK_ADMIN_TOKEN: "the-token-that-is-there",
    });
    expect(statSync(envFile).mode & 0o777).toBe(0o600);
    await supervisor.line(({ msg, instance }) => msg === "listening" && instance === "primary");
    await page.getByRole("link", { name: "See what is left to do" }).click();
    await page.getByRole("heading", { name: "Set up", exact: true }).waitFor();
  });

  it("prints no warning of Node's own beside the address and the code", async () => {
    const { start, url } = await nothing();
    const supervisor = start();
    await codeOf(supervisor);
    expect((await fetch(`${url}/assets/style.css`)).status).toBe(200);
    await supervisor.kill("SIGTERM");
    expect(supervisor.output).toContain("one-time code");
    expect(supervisor.output).not.toContain("Warning");
  });
});

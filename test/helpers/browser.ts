import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import packed from "@sparticuz/chromium";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { atTestEnd } from "./at-test-end.ts";
import { mayStartProcesses } from "./may-start-processes.ts";
import { PATIENCE_MS } from "./patience.ts";

/** Where screenshots are put, to be looked at; git does not keep them. */
export const ARTEFACTS = resolve(import.meta.dirname, "../../coverage/screenshots");

/**
 * The package's own arguments turn off the same-origin policy and the separation of processes, as small machines
 * need; with these the browser is the one that people use, without its sandbox, which root has none of.
 */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--font-render-hinting=none",
  "--hide-scrollbars",
];

export const PHONE = { width: 390, height: 844 };
export const DESKTOP = { width: 1280, height: 900 };

let launched: Promise<Browser> | undefined;

/** A real Chromium, started once for all tests of a file; close it in `afterAll`. */
export function browser(): Promise<Browser> {
  mayStartProcesses();
  launched ??= packed
    .executablePath()
    .then((executablePath) => chromium.launch({ executablePath, args: ARGUMENTS, headless: true }));
  return launched;
}

export async function closeBrowser(): Promise<void> {
  await (await launched)?.close();
  launched = undefined;
}

export interface VisitorOptions {
  viewport?: { width: number; height: number };
  colorScheme?: "light" | "dark";
  javaScriptEnabled?: boolean;
}

/**
 * A person's browser window, closed when the test has ended. It takes down whatever a page must never do: `trouble`
 * lists uncaught errors, errors on the console, dialogs, and requests to other places than `origins`.
 */
export async function openWindow(
  origins: readonly string[],
  { viewport = DESKTOP, ...options }: VisitorOptions = {},
): Promise<{ context: BrowserContext; page: Page; trouble: string[] }> {
  const context = await (await browser()).newContext({
    viewport,
    locale: "en-US",
    reducedMotion: "reduce",
    ...options,
  });
  atTestEnd(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  const trouble: string[] = [];
  context.on("weberror", (error) => trouble.push(`uncaught: ${error.error().message}`));
  context.on("console", (message) => {
    if (message.type() === "error") trouble.push(`console: ${message.text()}`);
  });
  context.on("dialog", (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on("request", (request) => {
    if (!origins.includes(new URL(request.url()).origin)) trouble.push(`request: ${request.url()}`);
  });
  return { context, page: await context.newPage(), trouble };
}

/** Keeps a picture of the whole page as `NAME.png` among the artefacts. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: true });
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong with the page as it is, in words; empty where it finds nothing. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // Through the browser's own tools: the page's policy lets no foreign script in.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: AxeRunner }).axe.run({ resultTypes: ["violations"] }),
  );
  return violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(" | ")}`,
  );
}

interface AxeRunner {
  run(options: object): Promise<{
    violations: { id: string; help: string; nodes: { html: string; failureSummary?: string }[] }[];
  }>;
}

/** By how many pixels the page is wider than the window. */
export function overflow(page: Page): Promise<number> {
  return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
}

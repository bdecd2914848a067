import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { AppProcess } from "../helpers/process.ts";
import { temporaryDirectory } from "../helpers/stores.ts";

const ROOT = resolve(import.meta.dirname, "../..");

/** Starts the demo with a temporary folder of its own, so that what it leaves behind can be seen. */
function startDemo(args: readonly string[]): { demo: AppProcess; folder: string } {
  const folder = temporaryDirectory();
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const demo = new AppProcess([resolve(ROOT, "test/demo/main.ts"), ...args], {
    cwd: ROOT,
    env: { ...env, TMPDIR: folder },
  });
  onTestFinished(async () => {
    await demo.kill("SIGTERM");
  });
  return { demo, folder };
}

describe("npm run demo -- --once", () => {
  it("plays to the end with 0: nothing lost, doubled or out of order, and nothing left behind", async () => {
    const { demo, folder } = startDemo(["--once"]);
    expect(await demo.ended, demo.output).toEqual({ code: 0, signal: null });
    const counted = new Map(
      [
        ...demo.output.matchAll(
          /^ +(\d+) (events sent|accepted|deployed|superseded|lost|doubled|out of order)/gm,
        ),
      ].map(([, count, what]) => [what, Number(count)]),
    );
    expect(Object.fromEntries(counted)).toMatchObject({ lost: 0, doubled: 0, "out of order": 0 });
    expect(counted.get("deployed")).toBe(5);
    expect(counted.get("superseded")).toBe(1);
    expect(demo.output).toMatch(
      /^Two instances .* deploy a site\.[\s\S]* the dashboard is at http[\s\S]*\n2\. /,
    );
    expect(demo.output).toContain("kill -9");
    expect(demo.output).not.toContain("\u001b");
    expect(readdirSync(folder)).toEqual([]);
  });

  it("interrupted in the middle of a deployment, it ends its processes and removes its folder", async () => {
    const { demo, folder } = startDemo(["--once"]);
    const listening = await demo.line(({ msg }) => /primary +listens at/.test(msg ?? ""));
    const url = /http:\/\/[\d.:]+/.exec(listening.msg ?? "")?.[0] ?? "";
    await demo.line(({ msg }) => msg?.includes("2/3") === true);
    demo.child.kill("SIGINT");
    expect(await demo.ended).toEqual({ code: 130, signal: null });
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("explains itself with --help, and refuses what it does not know", async () => {
    const help = startDemo(["--help"]).demo;
    expect(await help.ended).toEqual({ code: 0, signal: null });
    expect(help.output).toContain("--once");
    const unknown = startDemo(["--twice"]).demo;
    expect((await unknown.ended).code).not.toBe(0);
    expect(unknown.output).toContain("--twice");
  });
});

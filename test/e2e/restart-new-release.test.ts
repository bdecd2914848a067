import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { mainFile } from "../../app/bundle/entry-points.ts";
import { runCommand } from "../../app/cli/program.ts";
import { setUpOnce } from "../helpers/at-test-end.ts";
import { eventually } from "../helpers/eventually.ts";
import type { AppProcess } from "../helpers/process.ts";
import { RecordedTerminal } from "../helpers/recorded-terminal.ts";
import { type Scene, setScene } from "./twins.ts";

const AS_IT_IS = `await import(${JSON.stringify(pathToFileURL(fileURLToPath(mainFile("app"))).href)});\n`;
const isCheck = `process.argv.includes("--check")`;
/** What the main file of a release does. */
const RELEASES = {
  former: AS_IT_IS,
  next: AS_IT_IS,
  "with-other-keys": `console.error("twinhook.yml:1: door: expected nothing"); process.exit(78);\n`,
  "that-dies": `process.exit(${isCheck} ? 0 : 1);\n`,
};

describe("`twinhook restart` after the link to the release was moved", () => {
  let scene: Scene;
  let service: AppProcess;
  const folder = (release: string) => join(scene.host.directory, release);
  const started = () =>
    service.lines
      .filter(({ msg }) => msg === "instance started")
      .map(({ name, main }) => `${name} ${String(main).split("/").at(-2)}`);

  function linkTo(release: string): void {
    rmSync(folder("current"), { force: true });
    symlinkSync(folder(release), folder("current"));
  }
  async function restartWith(release: string) {
    linkTo(release);
    const terminal = new RecordedTerminal(scene.host.env);
    const before = started().length;
    const code = await runCommand(["restart"], terminal);
    return { code, err: terminal.err, started: started().slice(before) };
  }

  setUpOnce(async () => {
    scene = await setScene("sqlite");
    for (const [release, main] of Object.entries(RELEASES)) {
      mkdirSync(folder(release));
      writeFileSync(join(folder(release), "main.js"), main);
      writeFileSync(join(folder(release), "package.json"), `{"type":"module"}`);
    }
    linkTo("former");
    scene.host.main = join(folder("current"), "main.js");
    service = scene.host.spawn([]);
    for (const name of ["primary", "backup"])
      await service.line(({ msg, instance }) => msg === "listening" && instance === name);
  });

  it("restarts nothing if the link leads nowhere", async () => {
    const refused = await restartWith("not-there");
    expect(refused).toMatchObject({ code: 1, started: [] });
    expect(refused.err).toContain("correct the link");
  });

  it("restarts nothing if the new release refuses the configuration, and says why", async () => {
    const refused = await restartWith("with-other-keys");
    expect(refused).toMatchObject({ code: 1, started: [] });
    expect(refused.err).toContain("twinhook.yml:1: door: expected nothing");
  });

  it("goes back to the former release if the first instance of the new one dies", async () => {
    const failed = await restartWith("that-dies");
    expect(failed.code).toBe(1);
    expect(failed.err).toContain("backup did not start again");
    await eventually(() => expect(started().slice(2)).toEqual(["backup that-dies", "backup former"]));
    await scene.host.untilReady("primary");
  });

  it("starts one instance after the other from the new release", async () => {
    expect(await restartWith("next")).toEqual({ code: 0, err: "", started: ["backup next", "primary next"] });
  });
});

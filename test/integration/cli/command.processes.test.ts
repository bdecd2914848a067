import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { mayStartProcesses } from "../../helpers/may-start-processes.ts";
import { setScene } from "./scene.ts";

const TWINHOOK = resolve(import.meta.dirname, "../../../app/cli/twinhook");

/** Runs the command as an installed one is run. */
function twinhook(args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
  mayStartProcesses();
  return new Promise<{ code: unknown; out: string; err: string }>((done) => {
    execFile(TWINHOOK, args, options, (error, out, err) => done({ code: error?.code ?? 0, out, err }));
  });
}

test("package.json names the command", () => {
  const { bin } = JSON.parse(readFileSync(resolve(TWINHOOK, "../../../package.json"), "utf8")) as {
    bin: Record<string, string>;
  };
  expect(resolve(TWINHOOK, "../../..", bin.twinhook ?? "")).toBe(TWINHOOK);
});

test("the command exits with the codes that scripts rely on", async () => {
  const { host } = await setScene();
  const run = async (...args: string[]) =>
    (await twinhook(args, { cwd: host.directory, env: host.env })).code;
  expect(await Promise.all([run("check"), run("deliveries"), run("statsu"), run()])).toEqual([0, 69, 2, 0]);
});

test("the command finds .env and twinhook.yml where it is run, and prints nothing but its answer", async () => {
  const { host } = await setScene();
  await host.startInProcess("primary");
  const { TWINHOOK_CONFIG: _, ...env } = host.env;
  const { code, out, err } = await twinhook(["status", "--json"], { cwd: host.directory, env });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(out)).toMatchObject({ instance: "primary" });
});

test("the command starts the program by the link to its release, so that a restart finds where it leads by then", async () => {
  const { host } = await setScene();
  const inHost = (path: string) => join(host.directory, path);
  for (const folder of ["release-1/app/cli", "release-1/node_modules/.bin", "bin"])
    mkdirSync(inHost(folder), { recursive: true });
  copyFileSync(TWINHOOK, inHost("release-1/app/cli/twinhook"));
  writeFileSync(inHost("release-1/app/main.js"), "console.log(process.argv[1]);");
  symlinkSync(process.execPath, inHost("release-1/node_modules/.bin/node"));
  symlinkSync("release-1", inHost("current"));
  symlinkSync("../current/app/cli/twinhook", inHost("bin/twinhook"));
  mayStartProcesses();
  const out = await promisify(execFile)(inHost("bin/twinhook"), ["check"], { env: host.env });
  expect(out.stdout.trim()).toBe(inHost("current/app/main.js"));
});

test("bash completes commands, and the values of options", async () => {
  const { host } = await setScene();
  const complete = (...words: string[]) =>
    new Promise<string>((done) => {
      const line = words.map((word) => `'${word}'`).join(" ");
      const script = `eval "$("${TWINHOOK}" completion bash)"; COMP_WORDS=(twinhook ${line}); COMP_CWORD=${words.length}; _twinhook; echo "\${COMPREPLY[*]}"`;
      execFile("bash", ["-c", script], { env: host.env }, (_error, out) => done(out.trim()));
    });
  mayStartProcesses();
  expect(await complete("sta")).toBe("start status");
  expect(await complete("status", "--wa")).toBe("--watch");
  expect(await complete("deployments", "--status", "su")).toBe("succeeded superseded");
});

test("a pipe that its reader closed is no error", async () => {
  const { host, deploy } = await setScene();
  await host.startInProcess("primary");
  await deploy();
  mayStartProcesses();
  const child = spawn(TWINHOOK, ["status", "--watch"], { cwd: host.directory, env: host.env });
  let err = "";
  child.stderr.on("data", (text) => {
    err += text;
  });
  await once(child.stdout, "data");
  child.stdout.destroy();
  const [code] = await once(child, "exit");
  expect({ code, err }).toEqual({ code: 0, err: "" });
});

test("Ctrl-C while a deployment is followed ends with 130", async () => {
  const { host, deploy } = await setScene({ script: "#!/bin/sh\necho begun\nsleep 600\n" });
  await host.startInProcess("primary");
  const { id } = await deploy();
  mayStartProcesses();
  const child = spawn(TWINHOOK, ["log", id, "-f"], { cwd: host.directory, env: host.env });
  await once(child.stdout, "data");
  child.kill("SIGINT");
  expect((await once(child, "exit"))[0]).toBe(130);
});

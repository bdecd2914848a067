import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { scriptOf } from "../../../app/run/launcher.ts";

const ARGV = [process.execPath, "-e", "console.log(JSON.stringify(process.env))"] as const;
const SECRET = 'it\'s a $SECRET `of`\n"mine" \\';

describe("the shell that becomes a command", () => {
  it("names no value that may be secret on a command line", () => {
    const environment = { PATH: "/bin", TOKEN: SECRET, TWINHOOK_SHA: "abc" };
    const launch = { argv: ARGV, directory: "/", environment, secret: new Set(["TOKEN"]), umask: "0022" };
    const script = scriptOf(launch, false);
    const line = script.slice(script.lastIndexOf("\nexec "));
    expect(line).toContain("'PATH=/bin' 'TWINHOOK_SHA=abc'");
    expect(line).not.toMatch(/TOKEN|SECRET/);
  });

  it.each(["/bin/sh", "/bin/bash"])("gives exactly the environment that is meant, also as %s", (shell) => {
    // Some of these a shell sets by itself, or does not let be set.
    const own = {
      PWD: "/x",
      OLDPWD: "/y",
      SHLVL: "9",
      _: "under",
      UID: "7",
      PPID: "q",
      IFS: ",",
      OPTIND: "a",
    };
    const environment = { PATH: "/bin", LC_ALL: "xx_YY", EMPTY: "", TOKEN: SECRET, RANDOM: "5", ...own };
    const secret = new Set(["EMPTY", "TOKEN", "RANDOM", ...Object.keys(own)]);
    const input = scriptOf({ argv: ARGV, directory: "/tmp", environment, secret, umask: "0022" });
    const seen = execFileSync(shell, ["-s"], { env: {}, input, encoding: "utf8" });
    expect(JSON.parse(seen)).toEqual(environment);
  });

  it.runIf(existsSync("/bin/dash"))("gives exactly the environment without the program env, as dash", () => {
    const environment = { PATH: "/bin", LC_ALL: "xx_YY", TERM: "dumb", EMPTY: "", TOKEN: SECRET };
    const input = scriptOf(
      { argv: ARGV, directory: "/tmp", environment, secret: new Set(["TOKEN"]), umask: "0022" },
      true,
    );
    expect(input).not.toContain("/env");
    const seen = execFileSync("/bin/dash", ["-s"], { env: {}, input, encoding: "utf8" });
    expect(JSON.parse(seen)).toEqual(environment);
  });

  it.each(["PWD", "IFS", "OPTIND", "PPID", "a-b", "npm_config.x"])(
    "leaves %s to the program env also where the shell is dash",
    (name) => {
      const launch = { argv: ARGV, directory: "/tmp", secret: new Set<string>(), umask: "0022" };
      const environment = { PATH: "/bin", [name]: "1" };
      const input = scriptOf({ ...launch, environment }, true);
      const seen = execFileSync("/bin/sh", ["-s"], { env: {}, input, encoding: "utf8" });
      expect(JSON.parse(seen)).toEqual(environment);
    },
  );

  it.each([
    ["no-such-command", 127],
    ["/etc/passwd", 126],
  ])("ends with a shell's code where %s cannot be executed", (program, code) => {
    const launch = {
      directory: "/tmp",
      environment: { PATH: "/bin" },
      secret: new Set<string>(),
      umask: "0022",
    };
    for (const isDash of [true, false]) {
      const input = scriptOf({ ...launch, argv: [program] }, isDash);
      expect(spawnSync("/bin/sh", ["-s"], { env: {}, input }).status).toBe(code);
    }
  });
});

import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { scriptOf } from "../../../app/run/launcher.ts";

const ARGV = [process.execPath, "-e", "console.log(JSON.stringify(process.env))"] as const;
const SECRET = 'it\'s a $SECRET `of`\n"mine" \\';

describe("the shell that becomes a command", () => {
  it("names no value that may be secret on a command line", () => {
    const environment = { PATH: "/bin", TOKEN: SECRET, TWINHOOK_SHA: "abc" };
    const script = scriptOf({
      argv: ARGV,
      directory: "/",
      environment,
      secret: new Set(["TOKEN"]),
      umask: "0022",
    });
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
});

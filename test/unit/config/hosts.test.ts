import { hostname } from "node:os";
import { describe, expect, it, test } from "vitest";
import { ConfigFile, TARGET, withInstances, withTarget } from "./config-file.ts";

const POSTGRES = { DATABASE_URL: "postgres://h/db" };

/** A file with two hosts, `a` and `b`, whose only target has these keys. */
function twoHosts(target: Record<string, unknown>, [one, two] = ["a", "b"]): ConfigFile {
  const file = { ...withInstances({ host: one }, { host: two }), targets: [{ ...TARGET, ...target }] };
  return new ConfigFile(file, POSTGRES);
}

describe("the hosts of a target", () => {
  test.each([
    ["nothing, with several hosts", {}],
    ["any, with several hosts", { hosts: "any" }],
  ])("%s is refused", (_, target) => {
    const messages = twoHosts(target).messages();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(/^twinhook.yml:\d+: targets\[0\]\.hosts: /);
    expect(messages[0]).toContain(
      "expected the hosts that it deploys to, since there are several: a, b, got any, which would leave the others " +
        "as they are; write hosts: [a, b] (the first that is alive), or hosts: all (one after the other)",
    );
  });

  it("a host that no instance has is refused with its line", () => {
    const messages = twoHosts({ hosts: ["b", "c"] }).messages();
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(
      /^twinhook.yml:\d+: targets\[0\]\.hosts\[1\]: expected a or b, got c, which is the host of no instance; /,
    );
  });

  test.each([["some"], [{ all: true }], [{ all: true, missing: "wait" }]])(
    "%j is refused with what is allowed",
    (hosts) => {
      const [message] = new ConfigFile(withTarget({ hosts })).messages();
      expect(message).toContain(
        "targets[0].hosts: expected any, all, a list of hosts, or { all: true, missing: skip }",
      );
    },
  );

  test.each([[["b"]], [["b", "a"]], ["all"], [{ all: true, missing: "skip" }]])("%j is allowed", (hosts) => {
    expect(twoHosts({ hosts }).load().targets[0]?.hosts).toEqual(hosts);
  });

  it("may be all of one host on SQLite, and are any by default", () => {
    expect(new ConfigFile(withTarget({ hosts: "all" })).load().targets[0]?.hosts).toBe("all");
    expect(new ConfigFile(withTarget({})).load().targets[0]?.hosts).toBe("any");
  });

  it("need no directory and no command on a host that never runs them", () => {
    const target = { directory: "/nowhere", run: ["./none.sh"] };
    expect(twoHosts({ ...target, hosts: ["b"] }, [hostname(), "b"]).messages()).toEqual([]);
    const secret = { ...target, hosts: ["b"], action: { secret_env: "MISSING" } };
    expect(twoHosts(secret, [hostname(), "b"]).messages()).toHaveLength(1);
    expect(twoHosts({ ...target, hosts: ["b", hostname()] }, [hostname(), "b"]).messages()).toHaveLength(1);
  });
});

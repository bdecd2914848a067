import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../../app/cli/program.ts";
import type { StatusAnswer } from "../../../app/reads/answers/status.ts";
import { type Deployment, isFinal } from "../../../shared/deployment.ts";
import { eventually } from "../../helpers/eventually.ts";
import { setScene } from "./scene.ts";

/** A command reads the whole configuration each time: in the test's own process it takes the instance's time. */
const LOOKS = { interval: 250 };
const ended = ({ status }: Deployment) => isFinal(status);

describe("while an instance runs", () => {
  test("status shows the instances, and where GitHub delivers", async () => {
    const { host, json, twinhook } = await setScene();
    await host.startInProcess("primary");
    await eventually(async () => {
      const status = await json<StatusAnswer>("status");
      expect(status).toMatchObject({ instance: "primary", active: "primary" });
      expect(status.endpoints.map(({ name }) => name)).toEqual(["primary", "backup"]);
      expect(status.controller).toBe("primary");
    }, LOOKS);
    const { code, out } = await twinhook(["status"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^primary\thealthy\tactive, controller\t/m);
  });

  test("a command talks to the backup where the primary is down", async () => {
    const { host, json } = await setScene();
    await host.startInProcess("backup");
    expect(await json<StatusAnswer>("status")).toMatchObject({ instance: "backup" });
  });

  test("deployments are a page of a list, which the cursor continues", async () => {
    const { host, json, deploy } = await setScene();
    await host.startInProcess("primary");
    const [older, newer] = [await deploy(), await deploy()];
    interface Page {
      items: Deployment[];
      next_cursor: string | null;
    }
    const first = await json<Page>("deployments", "--limit", "1");
    expect(first.items.map(({ id }) => id)).toEqual([newer.id]);
    const second = await json<Page>("deployments", "--limit", "1", "--cursor", first.next_cursor ?? "");
    expect(second.items.map(({ id }) => id)).toEqual([older.id]);
    expect(second.next_cursor).toBeNull();
  });

  test("targets shows what is live", async () => {
    const { host, json, deploy } = await setScene();
    await host.startInProcess("primary");
    const { id, sha } = await deploy();
    await host.deployment("primary", id, ended);
    const { items } = await json<{ items: unknown[] }>("targets");
    expect(items).toEqual([
      expect.objectContaining({
        repository: "acme/site",
        name: "production",
        live: expect.objectContaining({ deployment: id, sha }),
        queued: 0,
      }),
    ]);
  });

  test("deliveries shows what arrived", async () => {
    const { host, json, deploy } = await setScene();
    await host.startInProcess("primary");
    const { id } = await deploy();
    const { items } = await json<{ items: { deployments: string[] }[] }>(
      "deliveries",
      "--event",
      "workflow_run",
    );
    expect(items.map(({ deployments }) => deployments)).toEqual([[id]]);
  });

  test("log --follow prints all of the output, and ends with the deployment", async () => {
    const { host, twinhook, deploy } = await setScene();
    await host.startInProcess("primary");
    const { id, sha } = await deploy();
    expect(await twinhook(["log", id, "--follow"])).toEqual({ code: 0, out: `deploying ${sha}\n`, err: "" });
  });

  test("Ctrl-C ends status --watch", async () => {
    const { host, terminal } = await setScene();
    await host.startInProcess("primary");
    const shown = terminal();
    shown.interruptAt("webhook");
    expect(await runCommand(["status", "--watch"], shown)).toBe(130);
  });

  test("only a terminal gets headings", async () => {
    const { host, terminal, twinhook, deploy } = await setScene();
    await host.startInProcess("primary");
    const { id } = await deploy();
    const shown = terminal({}, true);
    await runCommand(["deployments"], shown);
    expect(shown.out).toContain("REPOSITORY");
    const { out } = await twinhook(["deployments"]);
    expect(out).toMatch(new RegExp(`^${id}\\t`));
    expect(out).not.toContain("REPOSITORY");
  });
});

describe("where no instance runs", () => {
  test("status before the first start says that there is no store yet, and what makes it", async () => {
    const { twinhook } = await setScene();
    const { code, err } = await twinhook(["status"]);
    expect(code).not.toBe(0);
    expect(err).toMatch(/and the store: .*twinhook\.db does not exist; the first `twinhook start` makes it/);
    expect(err).not.toContain("broken");
  });

  test("status, deployments and log read the store", async () => {
    const { host, twinhook, json, deploy } = await setScene();
    const instance = await host.startInProcess("primary");
    const { id, sha } = await deploy();
    await host.deployment("primary", id, ended);
    await instance.kill();

    expect(await json("status")).toMatchObject({ instance: null, active: "primary" });
    expect(await json("deployments")).toMatchObject({
      items: [{ id, status: "succeeded" }],
      next_cursor: null,
    });
    const log = await twinhook(["log", id]);
    expect(log).toMatchObject({ code: 0, out: `deploying ${sha}\n` });
    expect(log.err).toContain("no instance answers");
    expect(await twinhook(["log", "dep_unknown"])).toMatchObject({ code: 1 });
  });

  test.each([["targets"], ["deliveries"], ["retry", "dep_1"], ["switchover", "backup"]])(
    "%s ends with 69, and says what to do",
    async (...args) => {
      const { twinhook } = await setScene();
      const { code, out, err } = await twinhook(args);
      expect({ code, out }).toEqual({ code: 69, out: "" });
      expect(err).toMatch(/ECONNREFUSED.*twinhook start/);
    },
  );

  test("status ends with 69 where there is no store either, and makes none", async () => {
    const { twinhook } = await setScene();
    for (const _ of [1, 2]) expect(await twinhook(["status"])).toMatchObject({ code: 69, out: "" });
  });

  test("--url is asked alone", async () => {
    const { host, twinhook } = await setScene();
    await host.startInProcess("backup");
    const { code } = await twinhook(["status", "--url", host.url("primary")]);
    expect(code).toBe(69);
  });

  test("another server at the address is not taken for an instance, and gets no token", async () => {
    const { twinhook } = await setScene();
    const seen: (string | undefined)[] = [];
    const server = createServer((request, answer) => {
      seen.push(request.headers.authorization);
      answer.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, err } = await twinhook(["targets", "--url", url]);
    expect({ code, seen }).toEqual({ code: 69, seen: [undefined] });
    expect(err).toContain("no instance's answer");
  });
});

describe("a refusal", () => {
  test("of the token ends with 77, and names the variable", async () => {
    const { host, twinhook } = await setScene();
    await host.startInProcess("primary");
    const { code, err } = await twinhook(["status", "--token", "wrong-token-of-the-test"]);
    expect(code).toBe(77);
    expect(err).toContain("TWINHOOK_ADMIN_TOKEN");
    expect(err).not.toContain("wrong-token-of-the-test");
  });

  test("without a token ends with 77", async () => {
    const { host, twinhook } = await setScene();
    await host.startInProcess("primary");
    expect(await twinhook(["status"], { TWINHOOK_ADMIN_TOKEN: "" })).toMatchObject({ code: 77 });
  });

  test.each([["log"], ["retry"], ["cancel"], ["redeliver"]])(
    "%s of something unknown ends with 1, and names the command that lists what exists",
    async (command) => {
      const { host, twinhook } = await setScene();
      await host.startInProcess("primary");
      const { code, out, err } = await twinhook([command, "dep_unknown"]);
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toMatch(
        /there is no (deployment|delivery) with this id; `twinhook (deployments|deliveries)` lists them/,
      );
    },
  );

  test("of an unknown instance ends with 1, and names those that exist", async () => {
    const { host, twinhook } = await setScene();
    await host.startInProcess("primary");
    const { code, err } = await twinhook(["switchover", "third"]);
    expect(code).toBe(1);
    expect(err).toContain("primary and backup");
  });

  test("of a wrong configuration ends with 78", async () => {
    const { twinhook } = await setScene({ config: { retry: { max_attempts: "many" } } });
    const { code, err } = await twinhook(["status"]);
    expect(code).toBe(78);
    expect(err).toContain("retry.max_attempts");
  });

  test.each([
    ["statsu"],
    ["retry"],
    ["status", "--loud"],
    ["deployments", "--limit", "1000"],
    ["deployments", "--status", "good"],
    ["switchover"],
    ["status", "--url", "deploy.example.com"],
  ])("of wrong usage ends with 2: %s %s %s", async (...args) => {
    const { twinhook } = await setScene();
    const { code, out, err } = await twinhook(args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).not.toBe("");
  });
});

import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { runCommand } from "../../app/cli/program.ts";
import type { StatusAnswer } from "../../app/reads/answers/status.ts";
import { freePort } from "../helpers/free-ports.ts";
import type { AppProcess, LogLine } from "../helpers/process.ts";
import { RecordedTerminal } from "../helpers/recorded-terminal.ts";
import type { TestHost } from "../helpers/test-host.ts";
import { type Scene, setScene } from "./twins.ts";

type FileConfig = { targets: Record<string, unknown>[] } & Record<string, unknown>;

/** A configuration with ten mistakes. */
const TEN_MISTAKES = stringify({
  instances: [
    { name: "primary", url: "nowhere", listen: "9100" },
    { name: "backup", url: "http://127.0.0.1:1", listen: "127.0.0.1:99999" },
  ],
  store: 7,
  admin: ["octocat"],
  failover: { health_check_interval: 500, failover_threshold: "three" },
  retry: { max_attempts: 0 },
  webhook: { mode: "both" },
  oidc: { audience: 1 },
});

const listening = (name: string) => (line: LogLine) => line.msg === "listening" && line.instance === name;
const pidsOf = (service: AppProcess) =>
  service.lines.filter(({ msg }) => msg === "instance started").map(({ name, pid }) => `${name} ${pid}`);

/** A running service with both instances behind a door, and a command line beside it. */
async function startService() {
  const port = await freePort();
  const door = `http://127.0.0.1:${port}`;
  const scene: Scene = await setScene("sqlite", {
    config: { door: { listen: `127.0.0.1:${port}`, url: door } },
  });
  const { host } = scene;
  const service = host.spawn([]);
  await Promise.all(["primary", "backup"].map((name) => service.line(listening(name))));
  return {
    ...scene,
    service,
    door,
    async twinhook(...args: string[]) {
      const terminal = new RecordedTerminal(host.env);
      const code = await runCommand(args, terminal);
      return { code, out: terminal.out, err: terminal.err };
    },
  };
}

/** The targets that an instance has, by their names. */
async function targetsOf(host: TestHost, instance: string): Promise<string[]> {
  const status = await (await host.admin(instance, "GET", "/api/status")).json();
  return (status as StatusAnswer).targets.map(({ name }) => name).toSorted();
}

/** Asks the door over one new connection after the other; `stop` returns what did not go well. */
function keepAsking(door: string) {
  let stopped = false;
  const wrong: string[] = [];
  const asked = (async () => {
    while (!stopped) {
      const status = await fetch(`${door}/livez`, { headers: { connection: "close" } }).then(
        (answer) => answer.text().then(() => answer.status),
        (error) => String((error as { cause?: { code?: string } }).cause?.code ?? error),
      );
      if (status !== 200) wrong.push(String(status));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return {
    async stop() {
      stopped = true;
      await asked;
      return wrong;
    },
  };
}

describe("a service that runs", () => {
  it("refuses a configuration with ten mistakes whole, and takes the next one in every instance", async () => {
    const { host, service, door, twinhook } = await startService();
    const right = readFileSync(host.configFile, "utf8");
    const asking = keepAsking(door);
    writeFileSync(host.configFile, TEN_MISTAKES);
    const refused = await twinhook("reload");
    expect(refused).toMatchObject({ code: 78, out: "" });
    expect(refused.err).toContain("the configuration has 10 problems");

    service.child.kill("SIGHUP");
    const { problems } = await service.line(({ msg }) => msg?.startsWith("reload: refused") === true);
    expect(problems).toHaveLength(10);

    const config = parse(right) as FileConfig;
    config.targets.push({ ...config.targets[0], name: "second" });
    writeFileSync(host.configFile, stringify(config));
    expect(await twinhook("reload")).toEqual({
      code: 0,
      out: "every instance has the configuration as it is now\n",
      err: "",
    });
    for (const name of ["primary", "backup"])
      expect(await targetsOf(host, name)).toEqual(["production", "second"]);
    expect(await asking.stop()).toEqual([]);
    expect(pidsOf(service)).toHaveLength(2);
    expect(await service.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });

  it("restarts its instances one after the other, and takes other addresses with it", async () => {
    const { host, service, door, twinhook } = await startService();
    const asking = keepAsking(door);
    const config = parse(readFileSync(host.configFile, "utf8")) as FileConfig & {
      instances: { listen: string; url: string }[];
    };
    const [primary] = config.instances;
    const listen = `127.0.0.1:${await freePort()}`;
    Object.assign(primary ?? {}, { listen, url: `http://${listen}` });
    writeFileSync(host.configFile, stringify(config));

    const refused = await twinhook("reload");
    expect(refused.code).toBe(78);
    expect(refused.err).toMatch(/instances\[0\]\.listen.*twinhook restart/);

    expect(await twinhook("restart", "--json")).toMatchObject({ code: 0, out: '{"problems":[]}\n' });
    expect(pidsOf(service).map((line) => line.split(" ")[0])).toEqual([
      ...["primary", "backup"],
      ...["backup", "primary"],
    ]);
    expect(await (await fetch(`http://${listen}/livez`)).json()).toMatchObject({ instance: "primary" });
    expect((await asking.stop()).filter((status) => status === "ECONNREFUSED")).toEqual([]);
    expect(await service.kill("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});

describe("without a service", () => {
  it("reload and restart say how to start one", async () => {
    const { host } = await setScene("sqlite");
    for (const command of ["reload", "restart"]) {
      const terminal = new RecordedTerminal(host.env);
      expect(await runCommand([command], terminal)).toBe(69);
      expect(terminal.err).toContain("twinhook start");
    }
  });
});

import { expect, onTestFinished, test } from "vitest";
import { TestHost } from "../../helpers/test-host.ts";
import { startGitHub } from "../../simulator/simulator.ts";

async function startBackup(): Promise<TestHost> {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const host = await TestHost.create({ github, instances: ["primary", "backup"] });
  onTestFinished(() => host.close());
  await host.startInProcess("backup");
  return host;
}

test("every answer of an instance names it in a header, whether it is a success, a problem or a page", async () => {
  const host = await startBackup();
  const asked: [status: number, method: string, path: string, headers?: Record<string, string>][] = [
    [200, "GET", "/livez"],
    [200, "GET", "/readyz"],
    [401, "GET", "/metrics"],
    [401, "GET", "/api/deployments/dep_none"],
    [400, "GET", "/api/deployments/%00"],
    [401, "POST", "/api/deployments"],
    [401, "POST", "/api/github/webhooks"],
    [404, "GET", "/nothing-here"],
    [404, "GET", "/nothing-here", { accept: "text/html" }],
    [200, "GET", "/sign-in", { accept: "text/html" }],
  ];
  for (const [status, method, path, headers = {}] of asked) {
    const body = method === "POST" ? { body: "{}" } : {};
    const response = await fetch(host.url("backup", path), { method, headers, ...body });
    expect([path, response.status, response.headers.get("twinhook-instance")]).toEqual([
      path,
      status,
      "backup",
    ]);
  }
});

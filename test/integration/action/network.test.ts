import { createServer } from "node:net";
import { afterAll, describe, expect, test } from "vitest";
import { jobAt, leftAt, writeAsApp } from "../../helpers/action/github-job.ts";
import { startProxy, type TestProxy } from "../../helpers/action/proxy.ts";
import { runAction, startAction } from "../../helpers/action/run-action.ts";
import { refusingUrl, ScriptedEndpoint, works } from "../../helpers/action/scripted-endpoint.ts";
import { stepInputs } from "../../helpers/action/step-inputs.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";
import { makePrivateCa } from "../../helpers/private-ca.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const authority = await makePrivateCa("deploy.test");
const TLS = authority.tls;
const TRUSTED = { NODE_EXTRA_CA_CERTS: authority.caFile };
afterAll(() => authority.close());

const keep = closeAtEnd();

async function endpoint(tls?: typeof TLS) {
  return keep(await ScriptedEndpoint.start([works], tls ? { tls } : {}));
}

async function proxy(hosts: Parameters<typeof startProxy>[0]): Promise<TestProxy> {
  return keep(await startProxy(hosts));
}

const inputs = (urls: readonly string[], more: Record<string, string> = {}) =>
  stepInputs(urls, {
    "request-timeout": "20s",
    "max-delay": "20ms",
    "max-attempts": "1",
    timeout: "2m",
    ...more,
  });

describe.concurrent("TLS", () => {
  test("an endpoint whose authority is private is believed by NODE_EXTRA_CA_CERTS", async () => {
    const primary = await endpoint(TLS);
    const step = await runAction(inputs([primary.url]), TRUSTED);
    expect(step).toMatchObject({ exitCode: 0, outputs: { verified: "true", endpoint: primary.url } });
  });

  test("and not without it: nothing is sent, and the certificate is named as the cause", async () => {
    const primary = await endpoint(TLS);
    const step = await runAction(inputs([primary.url]));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("TLS certificate");
    expect(step.summary).toContain("**Delivered:** no.");
    expect(primary.arrivals).toEqual([]);
  });

  test("a certificate for another name is refused", async () => {
    const primary = await endpoint(TLS);
    const through = await proxy({ "other.test": new URL(primary.url) });
    const step = await runAction(inputs(["https://other.test"]), { ...TRUSTED, HTTPS_PROXY: through.url });
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("TLS certificate is for another host name");
    expect(primary.arrivals).toEqual([]);
  });
});

describe.concurrent("a request that did not leave", () => {
  test.each([
    ["nothing listens", () => refusingUrl(), "connection refused"],
    ["nobody knows the name", () => "http://nowhere.invalid", "host name"],
  ])("because %s cannot have been accepted", async (_, url, cause) => {
    const step = await runAction(inputs([url()]));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain(cause);
    expect(step.summary).toContain("**Delivered:** no.");
  });

  test("because the other side never shakes hands is told from one that got no answer", async () => {
    const server = createServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
    keep(server);
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const step = await runAction(inputs([`https://127.0.0.1:${port}`], { "request-timeout": "500ms" }));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("no connection within 500 ms, so that nothing was sent");
    expect(step.summary).toContain("**Delivered:** no.");
  });
});

describe.concurrent("behind a proxy", () => {
  test("every request to an endpoint goes through it, with TLS from end to end", async () => {
    const primary = await endpoint(TLS);
    const through = await proxy({ "deploy.test": new URL(primary.url) });
    const step = await runAction(inputs(["https://deploy.test:9000"]), {
      ...TRUSTED,
      HTTPS_PROXY: through.url.replace("//", "//user:proxy-password@"),
    });
    expect(step).toMatchObject({ exitCode: 0, outputs: { verified: "true" } });
    expect(new Set(through.asked)).toEqual(new Set(["deploy.test:9000"]));
    expect(through.asked.length).toBe(primary.arrivals.length);
    expect(step.stdout + step.summary).not.toContain("proxy-password");
  });

  test("a host that NO_PROXY names is reached directly", async () => {
    const primary = await endpoint();
    const through = await proxy({ "nowhere.invalid": new URL(primary.url) });
    const env = { HTTP_PROXY: through.url, NO_PROXY: "example.com,.invalid" };
    const direct = await runAction(inputs(["http://nowhere.invalid"]), env);
    expect(direct.exitCode).toBe(1);
    expect(direct.summary).toContain("host name");
    expect(through.asked).toEqual([]);
    const tunnelled = await runAction(inputs(["http://nowhere.invalid"]), {
      ...env,
      NO_PROXY: "example.com",
    });
    expect(tunnelled.exitCode).toBe(0);
  });

  test("GitHub's API and its token service are reached through it too", async () => {
    const github = keep(await startGitHub());
    github.addRepository("acme/site");
    const through = await proxy({
      "api.github.test": new URL(github.url),
      "token.github.test": new URL(github.url),
    });
    const job = jobAt(github);
    const { ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = github.jobEnvironment();
    const step = await startAction(inputs(["https://deploy.test"], { ...job.inputs, secret: "" }), {
      HTTPS_PROXY: through.url,
      HTTP_PROXY: through.url,
      GITHUB_API_URL: "http://api.github.test",
      ACTIONS_ID_TOKEN_REQUEST_URL: "http://token.github.test/_services/actions/idtoken?api-version=2.0",
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
    });
    await writeAsApp(github, await leftAt(github), "running");
    const result = await step.result;
    expect(result).toMatchObject({ exitCode: 0, outputs: { route: "github", verified: "true" } });
    expect(new Set(through.asked)).toEqual(
      new Set(["token.github.test:80", "deploy.test:443", "api.github.test:80"]),
    );
    expect(result.summary).toContain("the proxy made no connection");
  });

  test("a proxy that never answers costs no more than the limit of a request", async () => {
    const backup = await endpoint();
    const through = await proxy({ "deploy.test": "silent" });
    const given = inputs(["https://deploy.test", backup.url], {
      "request-timeout": "500ms",
      "max-attempts": "3",
    });
    const step = await runAction(given, { HTTPS_PROXY: through.url });
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "backup", "failed-over": "true" } });
    expect(step.summary).toContain("no connection within 500 ms");
  });
});

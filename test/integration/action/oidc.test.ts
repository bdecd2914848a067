import { afterAll, describe, expect, test } from "vitest";
import { runAction } from "../../helpers/action/run-action.ts";
import {
  answers,
  BY_INSTANCE,
  ScriptedEndpoint,
  type Step,
  works,
} from "../../helpers/action/scripted-endpoint.ts";
import { startGitHub } from "../../simulator/simulator.ts";

// Tests that run at the same time cannot say which of them has finished: all is closed at the end.
const running: { close(): unknown }[] = [];
afterAll(() => Promise.all(running.splice(0).map((endpoint) => endpoint.close())));

async function endpoint(steps: readonly Step[]) {
  const started = await ScriptedEndpoint.start(steps);
  running.push(started);
  return started;
}

async function jobWithTokens() {
  const github = await startGitHub();
  running.push(github);
  github.addRepository("acme/site");
  return { github, env: github.jobEnvironment({ repository: "acme/site" }) };
}

/** Inputs without a secret. */
const inputs = (urls: readonly string[], more: Record<string, string> = {}) => ({
  endpoints: urls.join("\n"),
  environment: "production",
  "request-timeout": "1s",
  "base-delay": "10ms",
  "max-delay": "20ms",
  "max-attempts": "2",
  ...more,
});

/** What an endpoint was sent as proof. */
const tokens = ({ arrivals }: ScriptedEndpoint) =>
  arrivals.map(({ headers }) => headers.authorization?.replace(/^Bearer /, "") ?? "");

const claims = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;

describe.concurrent("without a secret", () => {
  test("each request carries a token of its own, made out for the audience", async () => {
    const { env } = await jobWithTokens();
    const primary = await endpoint([answers(503), works]);
    const step = await runAction(inputs([primary.url], { audience: "our deploys" }), env);
    expect(step).toMatchObject({ exitCode: 0, outputs: { verified: "true" } });
    const sent = tokens(primary);
    expect(sent.length).toBeGreaterThanOrEqual(3);
    expect(new Set(sent.map((token) => claims(token).jti)).size).toBe(sent.length);
    for (const token of sent) {
      expect(claims(token)).toMatchObject({ aud: "our deploys", repository: "acme/site" });
      expect(step.stdout).toContain(`::add-mask::${token}`);
      for (const text of [step.stdout.replaceAll(/^::add-mask::.*$/gm, ""), step.summary])
        expect(text).not.toContain(token);
    }
    for (const { headers } of primary.arrivals) expect(headers).not.toHaveProperty("webhook-signature");
  });

  test("a token that comes back in an answer is not shown", async () => {
    const { env } = await jobWithTokens();
    const primary = await endpoint([
      ({ response, arrival }) =>
        void response.writeHead(400, BY_INSTANCE).end(`you sent ${arrival.headers.authorization}`),
    ]);
    const step = await runAction(inputs([primary.url]), env);
    const [token = ""] = tokens(primary);
    expect(step.summary).toContain("you sent Bearer &#42;&#42;&#42;");
    for (const text of [step.stdout.replaceAll(/^::add-mask::.*$/gm, ""), step.summary, step.outputs.report])
      expect(text).not.toContain(token.slice(0, 40));
  });

  test("a refused token is answered with the settings to compare", async () => {
    const { env } = await jobWithTokens();
    const primary = await endpoint([
      answers(401, { title: "Unauthorized", detail: "its audience is wrong" }),
    ]);
    const step = await runAction(inputs([primary.url]), env);
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("oidc.audience");
    expect(step.summary).toContain("its audience is wrong");
  });

  test("nothing is sent when GitHub gives no token, and the permission is named", async () => {
    const { github, env } = await jobWithTokens();
    github.faults.add({ kind: "status", status: 403, message: "no <permission>" });
    const primary = await endpoint([works]);
    const step = await runAction(inputs([primary.url]), env);
    expect(step.exitCode).toBe(1);
    expect(primary.arrivals).toEqual([]);
    expect(step.summary).toContain("GitHub gave no OIDC token");
    expect(step.summary).toContain("id-token: write");
    expect(step.summary).not.toContain("<permission>");
  });

  test("a token service that answers 503 is named as the cause, and not a time limit", async () => {
    const { github, env } = await jobWithTokens();
    github.faults.add({ kind: "status", status: 503, message: "no tokens today" });
    const primary = await endpoint([works]);
    const step = await runAction(inputs([primary.url]), env);
    expect(step.exitCode).toBe(1);
    expect(primary.arrivals).toEqual([]);
    expect(step.summary).toContain("GitHub gave no OIDC token: its token service answered 503");
    expect(step.summary).toContain("no tokens today");
    expect(step.summary).not.toContain("no answer within");
  });

  test("a token service that is back in the next round is asked again", async () => {
    const { github, env } = await jobWithTokens();
    github.faults.add({ kind: "status", status: 503 }, { times: 1 });
    const primary = await endpoint([works]);
    const step = await runAction(inputs([primary.url], { "request-timeout": "60s" }), env);
    expect(step).toMatchObject({ exitCode: 0, outputs: { verified: "true", attempts: "2" } });
  });

  test("and without tokens the step is red at once and shows both ways as YAML", async () => {
    const primary = await endpoint([works]);
    const step = await runAction(inputs([primary.url]));
    expect(step.exitCode).toBe(1);
    expect(primary.arrivals).toEqual([]);
    for (const text of [
      step.stdout,
      step.summary
        .replaceAll("&#10;", "\n")
        .replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code))),
    ]) {
      expect(text).toMatch(/permissions:\n +id-token: write/);
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the workflow's syntax, not ours
      expect(text).toContain("secret: ${{ secrets.TWINHOOK_SECRET }}");
    }
  });

  test("no token is sent unencrypted to another machine", async () => {
    const { github, env } = await jobWithTokens();
    const step = await runAction(inputs(["http://deploy.example.com"]), env);
    expect(step.exitCode).toBe(1);
    expect(github.requests).toEqual([]);
    expect(step.summary).toContain("an OIDC token is never sent unencrypted");
  });

  test("a token service that never answers does not hold the step beyond its limit", async () => {
    const { github, env } = await jobWithTokens();
    github.faults.add({ kind: "hang" });
    const primary = await endpoint([works]);
    const step = await runAction(inputs([primary.url], { timeout: "1s" }), env);
    github.faults.clear();
    expect(step).toMatchObject({ exitCode: 1, outputs: { verified: "false" } });
    expect(primary.arrivals).toEqual([]);
  });
});

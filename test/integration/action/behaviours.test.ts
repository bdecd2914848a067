import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runAction } from "../../helpers/action/run-action.ts";
import {
  acceptsSilently,
  answers,
  BY_INSTANCE,
  blackHole,
  cutsOff,
  DeploymentStore,
  deploymentFor,
  drips,
  onlyFor,
  refusingUrl,
  resets,
  ScriptedEndpoint,
  type Step,
  TEST_SECRET,
  works,
} from "../../helpers/action/scripted-endpoint.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";

/** How an endpoint takes a request: by an answer, or in a way that happens before there is one. */
type Behaviour = Step | { url: (endpoint: string) => string };

/** Notes the deployment as an instance does, and then answers something else. */
const acceptsAnd =
  (then: Step): Step =>
  (context) => {
    context.store.accept(JSON.parse(context.arrival.body), context.name);
    return then(context);
  };

/** What may happen to a request. None of these gives a usable answer to it. */
const FAILS_TO_ANSWER: Record<string, Behaviour> = {
  "refuses the connection": { url: () => refusingUrl() },
  "has a name that nobody knows": { url: () => "http://nowhere.invalid:9000" },
  "speaks no TLS": { url: (endpoint) => endpoint.replace("http:", "https:") },
  "never shakes hands": { url: () => `https://127.0.0.1:${mute.port}` },
  "takes the request and never answers": blackHole,
  "answers a byte at a time without end": drips,
  "breaks off": resets,
  "breaks off within its answer": cutsOff,
  "answers 408": answers(408),
  "answers 425": answers(425),
  "answers 429": answers(429, undefined, { "retry-after": "0" }),
  "answers 500": answers(500),
  "answers 502": answers(502, "<html>bad gateway</html>"),
  "answers 503": answers(503),
  "answers 504": answers(504),
  "answers 400": answers(400),
  "answers 401": answers(401),
  "answers 403": answers(403),
  "answers 404": answers(404),
  "answers 409": answers(409),
  "answers 413": answers(413),
  "answers 415": answers(415),
  "answers 422": answers(422),
  redirects: answers(307, "", { location: "/elsewhere" }),
  "answers with a page": answers(200, "<html>welcome</html>"),
  "is hidden by a proxy that answers 403": answers(403, "<html>not today</html>"),
  "is hidden by a proxy that answers 404": answers(404, "<html>not here</html>"),
  "answers with nothing": answers(200, ""),
  "answers with another document": answers(200, { ok: true }),
  "answers about another run": answers(202, deploymentFor({ ...REQUEST, run_id: 1 })),
  "answers about another commit": answers(202, deploymentFor({ ...REQUEST, sha: "2".repeat(40) })),
  "accepts, and its answer is lost": acceptsSilently,
  "accepts and answers 500": acceptsAnd(answers(500)),
  "accepts and answers with a page": acceptsAnd(answers(200, "<html>welcome</html>")),
};

/** What may happen to a read of a deployment that was accepted. None of these shows it. */
const FAILS_TO_SHOW: Record<string, Step> = {
  "never answers": blackHole,
  drips,
  "breaks off": resets,
  "breaks off within its answer": cutsOff,
  "answers 401": answers(401),
  "answers 404": answers(404),
  "answers 429": answers(429, undefined, { "retry-after": "0" }),
  "answers 500": answers(500),
  redirects: answers(302, "", { location: "https://elsewhere.example.com/" }),
  "answers with a page": answers(200, "<html>welcome</html>"),
  "is hidden by a proxy that answers 403": answers(403, "<html>not today</html>"),
  "shows another deployment": answers(200, {
    ...deploymentFor(REQUEST),
    id: "dep_other",
    status: "succeeded",
  }),
  "shows another commit": ({ response, store }) =>
    void response
      .writeHead(200, { "content-type": "application/json", ...BY_INSTANCE })
      .end(JSON.stringify({ ...store.read("dep_30433642_1"), sha: "2".repeat(40), status: "succeeded" })),
};

const mute = { port: 0, close: () => {} };
beforeAll(async () => {
  const server = createServer((socket) => void socket.on("error", () => {})).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  mute.port = (server.address() as { port: number }).port;
  mute.close = () => void server.close();
});
const running: ScriptedEndpoint[] = [];
afterAll(async () => {
  mute.close();
  await Promise.all(running.splice(0).map((endpoint) => endpoint.close()));
});

/** Runs the step against two endpoints that share their store, as twins do. */
async function runAgainst(primary: Behaviour, backup: Behaviour, more: Record<string, string> = {}) {
  const store = new DeploymentStore();
  const start = async (behaviour: Behaviour, name: string) => {
    const step = typeof behaviour === "function" ? behaviour : works;
    const endpoint = await ScriptedEndpoint.start([step], { store, name });
    running.push(endpoint);
    return { endpoint, url: typeof behaviour === "function" ? endpoint.url : behaviour.url(endpoint.url) };
  };
  const [first, second] = [await start(primary, "primary"), await start(backup, "backup")];
  const step = await runAction({
    endpoints: `${first.url}\n${second.url}`,
    environment: "production",
    secret: TEST_SECRET,
    "request-timeout": "700ms",
    "base-delay": "10ms",
    "max-delay": "20ms",
    "max-attempts": "2",
    timeout: "20s",
    ...more,
  });
  return { ...step, store, shown: [first, second].some(({ endpoint }) => endpoint.reads.length > 0) };
}

type Ended = Awaited<ReturnType<typeof runAgainst>>;

/** What holds whatever the endpoints do. */
function expectSound({ exitCode, outputs, store, stdout, stderr, summary, shown }: Ended): void {
  expect(store.byId.size).toBeLessThanOrEqual(1);
  expect(outputs.verified).toBe(String(exitCode === 0));
  if (exitCode === 0) expect(shown && store.byId.size === 1).toBe(true);
  expect(stdout.match(/^::error /gm)?.length ?? 0).toBe(exitCode === 0 ? 0 : 1);
  expect(stderr).toBe("");
  for (const text of [stdout, summary]) expect(text).not.toMatch(/undefined|\[object /);
}

const firstSentence = ({ summary }: Ended) => summary.split("\n")[0];

describe.concurrent("one endpoint that takes the request is enough", () => {
  test.each(Object.entries(FAILS_TO_ANSWER))("while the primary %s", async (_, behaviour) => {
    const step = await runAgainst(behaviour, works);
    expectSound(step);
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "backup", "failed-over": "true" } });
    expect(firstSentence(step)).toMatch(/has started: delivered to the backup .* and confirmed in/);
  });
});

describe.concurrent("nothing is delivered when the backup refuses for good", () => {
  test.each(Object.entries(FAILS_TO_ANSWER))("and the primary %s", async (_, behaviour) => {
    const step = await runAgainst(behaviour, answers(401));
    expectSound(step);
    expect(step).toMatchObject({ exitCode: 1, outputs: { route: "", status: "", "deployment-id": "" } });
    expect(firstSentence(step)).toMatch(/was not delivered: every endpoint (failed in every round|refused)/);
    // What may have been accepted all the same is not called undelivered.
    if (step.store.byId.size > 0) expect(step.summary).toContain("may have been accepted all the same");
  });
});

describe.concurrent("one endpoint that shows the accepted deployment is enough", () => {
  test.each(Object.entries(FAILS_TO_SHOW))("while the primary, having accepted it, %s", async (_, read) => {
    const step = await runAgainst(onlyFor("GET", read, works), works);
    expectSound(step);
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "primary", status: "running" } });
    expect(firstSentence(step)).toMatch(/has started: delivered to the primary .* and confirmed in/);
    // A read is held by the endpoint for as long as the Action asks for: 10 s, and then the next one is asked.
    expect(step.summary).toMatch(/from the backup/);
  });
});

describe.concurrent("nothing is confirmed when nobody shows the accepted deployment", () => {
  test.each(Object.entries(FAILS_TO_SHOW))(
    "because the primary %s, and the backup refuses",
    async (_, read) => {
      const step = await runAgainst(onlyFor("GET", read, works), answers(401), { timeout: "3s" });
      expectSound(step);
      expect(step).toMatchObject({ exitCode: 1, outputs: { route: "primary", verified: "false" } });
      expect(firstSentence(step)).toMatch(/is not confirmed: delivered to the primary/);
      expect(step.summary).toMatch(/\*\*Delivered:\*\* yes[\s\S]*\*\*Confirmed:\*\* no/);
    },
  );
});

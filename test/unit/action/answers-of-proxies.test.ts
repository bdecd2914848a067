import { describe, expect, test } from "vitest";
import { judgeReply } from "../../../action/ask/judge.ts";
import { annotations } from "../../../action/report/annotations.ts";
import { BY_INSTANCE, deploymentFor } from "../../helpers/action/scripted-endpoint.ts";
import { endpointsNamed, journalOf, REQUEST, stepReport } from "../../helpers/action/step-report.ts";

const PAGE = "<html><head><title>nginx</title></head></html>";

function judge(status: number, body: string, headers: Record<string, string> = {}) {
  const options = { endpointUrl: "https://deploy.example.com", now: 0, credentialKind: "secret" as const };
  return judgeReply({ kind: "answer", status, headers, body }, REQUEST, options);
}

describe("an answer without the header of an instance", () => {
  test.each([400, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, 521])(
    "with the status %i may be another one later",
    (status) => {
      expect(judge(status, PAGE)).toMatchObject({ kind: "transient", status, byTheApp: false });
    },
  );

  test("is no deployment, even where its body is ours", () => {
    const body = JSON.stringify(deploymentFor(REQUEST));
    expect(judge(200, body, BY_INSTANCE)).toMatchObject({ kind: "deployment" });
    expect(judge(200, body)).toMatchObject({ kind: "transient", mayHaveArrived: true });
  });

  test("is a refusal for good with it", () => {
    expect(judge(403, PAGE, BY_INSTANCE)).toMatchObject({ kind: "permanent", byTheApp: true });
  });

  test.each([
    [502, "the proxy answers 502: the instance behind it is down"],
    [503, "the proxy answers 503: the instance behind it is down"],
    [504, "the proxy answers 504: the instance behind it does not answer"],
    [404, "answered 404, but not by an instance: without the header Twinhook-Instance"],
    [200, "answered 200, but not by an instance: without the header Twinhook-Instance"],
  ])("with the status %i is named as what it is", (status, cause) => {
    expect(judge(status, PAGE)).toMatchObject({ cause });
  });

  test("has a remedy that asks whose URL it is, and whether a proxy strips the header", () => {
    expect(judge(404, PAGE)).toMatchObject({
      remedy: expect.stringMatching(/really Twinhook's, or does a proxy strip the header Twinhook-Instance/),
    });
  });

  test("is heeded when it limits requests, and not when it tells how long an instance will be down", () => {
    expect(judge(429, PAGE, { "retry-after": "7" })).toMatchObject({ retryAfterMs: 7_000 });
    expect(judge(503, PAGE, { "retry-after": "3600" })).toMatchObject({ retryAfterMs: null });
  });

  test("redirects to a configuration error all the same", () => {
    expect(judge(302, "", { location: "https://new.example.com/" })).toMatchObject({
      kind: "permanent",
      cause: "it redirects to https://new.example.com",
    });
  });

  test("says nothing about the clock of an instance", () => {
    expect(judge(502, PAGE, { date: "Sun, 01 Nov 2026 12:01:40 GMT" })).not.toHaveProperty("skewMs");
  });

  test("brings no page of a proxy into an annotation", async () => {
    const [primary] = endpointsNamed(1);
    if (!primary) throw new Error("no endpoint");
    const journal = await journalOf([[primary, judge(502, PAGE)]]);
    const verdict = { kind: "exhausted" as const, because: "rounds" as const };
    const shown = annotations(stepReport({ verdict, success: false, journal }));
    const text = shown.map(({ message }) => message).join("\n");
    expect(text).toContain("the proxy answers 502: the instance behind it is down. Start the instance");
    expect(text).not.toContain("nginx");
  });
});

import { html } from "hono/html";
import { expect, it } from "vitest";
import { commit } from "../../../app/accept/commit.ts";
import { overviewPage } from "../../../app/pages/overview/overview-page.ts";
import type { PageOptions } from "../../../app/pages/page-options.ts";
import { endHold, setHold } from "../../../app/queue/hold.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { newStore } from "../../helpers/stores.ts";

const HELD = { repositoryKey: "acme/site", repository: "acme/site", target: "production" };

it("the overview does not wonder about a run that waits because its target is held", async () => {
  const store = await newStore("sqlite");
  const target = testTarget();
  await commit(store, [runArrival(1, [target])], { instance: "primary", now: Date.now() });
  const o = {
    store,
    self: { name: "primary" },
    failover: { checker: { observe: () => [] } },
    // Long enough after the run that a free target would have begun it.
    now: () => Date.now() + 3_600_000,
    config: {
      ...{ targets: [target], instances: [], admins: [], door: null, public_url: null },
      ...{ webhook: { mode: "switch" }, failover: { window: 60_000 }, written: { line: () => 1 } },
      environment: { githubUrl: "https://github.com" },
    },
  } as unknown as PageOptions;
  const verdict = async () =>
    String(await html`${(await overviewPage(o, { kind: "admin" })).regions.verdict}`);
  await store.write((trx) => setHold(trx, store, HELD, { by: "boss", reason: "a freeze", until: null }));
  expect(await verdict()).not.toContain("A deployment waits although nothing runs.");
  await store.write((trx) => endHold(trx, store, HELD, "boss"));
  expect(await verdict()).toContain("A deployment waits although nothing runs.");
});

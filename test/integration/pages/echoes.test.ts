import { html } from "hono/html";
import { describe, expect, it } from "vitest";
import type { Arrival } from "../../../app/accept/arrival.ts";
import { commit } from "../../../app/accept/commit.ts";
import { deliveryRoutes } from "../../../app/http/delivery-routes.ts";
import { deliveryListPage } from "../../../app/pages/deliveries/delivery-list-page.ts";
import type { PageOptions } from "../../../app/pages/page-options.ts";
import { listDeliveries } from "../../../app/reads/list-deliveries.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { newStore } from "../../helpers/stores.ts";

const ECHO_GUID = "00000000-0000-4000-8000-000000000001";
const ADMIN_TOKEN = "admin-token-of-this-test";

/** A store with the delivery of a run, a request that an Action left, and GitHub's event of a Deployment. */
async function setup() {
  const store = await newStore("sqlite");
  const echo: Arrival = {
    ...runArrival(1, []),
    guid: ECHO_GUID,
    event: "deployment",
    action: "created",
    facts: null,
    ignored: "an echo",
  };
  const left: Arrival = { ...echo, guid: "github_deployment 5", source: "github_deployment", action: null };
  const run = runArrival(2, [testTarget()], { guid: "run-2" });
  await commit(store, [echo, left, run], { instance: "primary", now: Date.now() });
  const options = {
    store,
    now: () => Date.now(),
    config: { targets: [testTarget()], environment: { githubUrl: "https://github.com" } },
  } as unknown as PageOptions;
  return {
    store,
    /** The deliveries that the page with this query links to, as `source event`. */
    async shown(query: string) {
      const url = new URL(`https://deploy.example.com/deliveries${query}`);
      const page = await deliveryListPage(options, { kind: "admin" }, url);
      const text = String(await page.arrange((name) => html`${page.regions[name]}`));
      const ids = [...text.matchAll(/href="\/deliveries\/(dlv_[0-9a-f]+)"/g)].map((found) => found[1]);
      const { rows } = await listDeliveries(store, { visible: null, filter: {}, limit: 100 });
      return rows
        .filter(({ id }) => ids.includes(id))
        .map(({ source, event }) => `${source} ${event}`)
        .toSorted();
    },
    /** What the API lists for this query. */
    async listed(query: string) {
      const routes = deliveryRoutes({
        store,
        credentials: { adminToken: ADMIN_TOKEN },
      } as unknown as Parameters<typeof deliveryRoutes>[0]);
      const answer = await routes.request(`/${query}`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      });
      const { items } = (await answer.json()) as { items: { source: string; event: string }[] };
      return items.map(({ source, event }) => `${source} ${event}`).toSorted();
    },
  };
}

const WITHOUT = ["github_deployment deployment", "webhook workflow_run"];
const ALL = ["github_deployment deployment", "webhook deployment", "webhook workflow_run"];

describe("GitHub's events of Deployments", () => {
  it("are hidden on the page of deliveries until someone asks for them, and found by their GUID", async () => {
    const { shown } = await setup();
    expect(await shown("")).toEqual(WITHOUT);
    expect(await shown("?echoes=shown")).toEqual(ALL);
    expect(await shown(`?q=${ECHO_GUID}`)).toEqual(["webhook deployment"]);
  });

  it("are hidden in the API's list until someone asks for them, or for one of them", async () => {
    const { listed } = await setup();
    expect(await listed("")).toEqual(WITHOUT);
    expect(await listed("?echoes=shown")).toEqual(ALL);
    expect(await listed(`?guid=${ECHO_GUID}`)).toEqual(["webhook deployment"]);
    expect(await listed("?event=deployment")).toEqual(["github_deployment deployment", "webhook deployment"]);
    expect(await listed("?event=deployment&echoes=hidden")).toEqual(["github_deployment deployment"]);
  });
});

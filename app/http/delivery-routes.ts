import { Hono } from "hono";
import type { Acceptor } from "../accept/acceptor.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import { type AskGitHub, askGitHub } from "../auth/ask-github.ts";
import type { VerifyProof } from "../auth/parked-proof.ts";
import { maySee, visibleRepositories } from "../auth/viewer.ts";
import { readerOf, requireManager, type ViewerCredentials, viewerOf } from "../auth/viewer-of.ts";
import { reevaluate, whyNotAgain } from "../catch-up/reevaluate.ts";
import type { TargetConfig } from "../config/schema.ts";
import { type DeliveryPlace, ECHOES, listDeliveries } from "../reads/list-deliveries.ts";
import { presentDelivery } from "../reads/present.ts";
import { DELIVERY_OUTCOMES, type DeliveryRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import type { Audit } from "./audit.ts";
import { decodeCursor, encodeCursor, oneOf, perPage } from "./list-query.ts";
import { HttpProblem } from "./problem.ts";

export interface DeliveryRoutesOptions {
  store: Store;
  credentials: ViewerCredentials;
  acceptor: Acceptor;
  audit: Audit;
  targets: readonly TargetConfig[];
  /** Maps repository names in the configuration to today's names; without it, names stand for themselves. */
  names?: RepositoryNames | undefined;
  github: AskGitHub;
  verifyProof: VerifyProof;
}

/** A person waits for the result. */
const JUDGE_LIMIT_MS = 10_000;

/** `/api/deliveries`: lists deliveries with their outcomes, and evaluates one again. */
export function deliveryRoutes(options: DeliveryRoutesOptions): Hono {
  const { store, credentials, acceptor, audit, targets, github, verifyProof } = options;
  const routes = new Hono();

  routes.get("/", async (c) => {
    const visible = visibleRepositories(await readerOf(c, credentials));
    const limit = perPage(c.req.query("per_page"));
    const after = decodeCursor<DeliveryPlace>(c.req.query("cursor"), ["number", "string"]);
    const outcome = oneOf(c.req.query("outcome"), "outcome", DELIVERY_OUTCOMES);
    const echoes = oneOf(c.req.query("echoes"), "echoes", ECHOES);
    const { repository, guid, event } = c.req.query();
    const { rows, next } = await listDeliveries(store, {
      visible,
      // A search for a delivery or an event shows echoes as well.
      filter: {
        ...{ repository, guid, event, outcome },
        withoutEchoes:
          (echoes ?? (guid === undefined && event === undefined ? "hidden" : "shown")) === "hidden",
      },
      before: after,
      limit,
    });
    return c.json({
      items: rows.map(presentDelivery),
      next_cursor: next === null ? null : encodeCursor(next),
    });
  });

  routes.post("/:id/redeliver", async (c) => {
    const viewer = await viewerOf(c, credentials);
    const row = await find(c.req.param("id"));
    if (!row || !maySee(viewer, row.repository))
      throw new HttpProblem(404, "there is no delivery with this id; `twinhook deliveries` lists them");
    requireManager(viewer, row.repository);
    await audit.run(viewer, "redeliver", row.id, () => deliverAgain(row));
    return c.json(presentDelivery((await find(row.id)) ?? row), 202);
  });

  return routes;

  /** Evaluates the delivery again, and returns the outcome in words. */
  async function deliverAgain(row: DeliveryRow): Promise<string> {
    const refused = whyNotAgain(row);
    if (refused) throw new HttpProblem(409, `the delivery cannot be judged again: ${refused}`);
    const { repository } = row;
    const arrival = await askGitHub(github, { repository, refused: "conflict" }, async () =>
      reevaluate(await github.access.octokit(repository), row, {
        targets,
        names: options.names,
        verifyProof,
        signal: AbortSignal.timeout(JUDGE_LIMIT_MS),
      }),
    );
    if (!arrival)
      throw new HttpProblem(409, "GitHub no longer has its run or Deployment, or the run has not ended");
    const { conflict, outcome, reason } = await acceptor.accept(arrival);
    if (conflict) throw new HttpProblem(409, conflict.reason);
    return reason === null ? outcome : `${outcome}: ${reason}`;
  }

  function find(id: string): Promise<DeliveryRow | undefined> {
    return store.read.selectFrom("deliveries").selectAll().where("id", "=", id).executeTakeFirst();
  }
}

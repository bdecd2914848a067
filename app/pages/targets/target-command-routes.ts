import { type Context, Hono } from "hono";
import { planRollback } from "../../accept/roll-back.ts";
import type { SignIn, Visit } from "../../auth/sign-in.ts";
import { targetPath } from "../../config/link-base.ts";
import { HttpProblem } from "../../http/problem.ts";
import { holdRequest } from "../../http/targets/hold-request.ts";
import { rollbackRequest } from "../../http/targets/rollback-request.ts";
import type { ManagedTarget, TargetCommands } from "../../http/targets/target-commands.ts";
import { liveDeployment } from "../../queue/last-success.ts";
import { dueOnRelease, waitingOf } from "../../reads/waiting-deployments.ts";
import type { PageOptions } from "../page-options.ts";
import { type Fields, signedIn, submitted } from "../signed-in.ts";
import { withBanner } from "./held-banner.ts";
import {
  holdQuestion,
  type Question,
  questionPage,
  releaseQuestion,
  rollbackQuestion,
} from "./target-questions.ts";

const CHOOSE = "choose a deployment on the page of the target";

/** A command of a target's page. */
interface TargetCommand {
  /** What it asks, as things are now. */
  ask: (managed: ManagedTarget, fields: Fields) => Promise<Question>;
  /** Does it, and returns the path of the page to show then. */
  perform: (managed: ManagedTarget, fields: Fields) => Promise<string>;
}

/**
 * Holds, releases and rolls back from a target's page, in two clicks. The first leads to a question that says what
 * will happen; the second does just that.
 */
export function targetCommandRoutes(o: PageOptions, signIn: SignIn, commands: TargetCommands): Hono {
  const routes = new Hono();
  const found = commandsOf(o, commands);
  const open = (c: Context, { viewer }: Visit) => {
    const command = found.get(c.req.param("command") ?? "");
    if (!command) throw new HttpProblem(404, "there is nothing at this address");
    return { command, managed: commands.managed(viewer, c.req.param()) };
  };
  const show = async (
    c: Context,
    visit: Visit,
    { fields, problem }: { fields: Fields; problem?: HttpProblem },
  ) => {
    const { command, managed } = open(c, visit);
    const question = await command.ask(managed, fields);
    const back = pathOf(managed);
    const place = { action: `${back}/${c.req.param("command")}`, back, problem: problem?.message };
    return c.html(
      questionPage(question, place, await withBanner(o, visit)),
      (problem?.status as 409 | undefined) ?? 200,
    );
  };
  routes.get(
    "/targets/:owner/:repo/:name/:command",
    signedIn(signIn, (c, visit) => show(c, visit, { fields: c.req.query() })),
  );
  routes.post(
    "/targets/:owner/:repo/:name/:command",
    submitted(signIn, async (c, visit, fields) => {
      const { command, managed } = open(c, visit);
      try {
        return c.redirect(await command.perform(managed, fields), 303);
      } catch (error) {
        if (!(error instanceof HttpProblem) || error.status >= 500) throw error;
        return show(c, visit, { fields, problem: error });
      }
    }),
  );
  return routes;
}

function pathOf({ target }: ManagedTarget): string {
  return targetPath(target.repository, target.name);
}

function commandsOf({ store, config }: PageOptions, commands: TargetCommands): Map<string, TargetCommand> {
  const github = config.environment.githubUrl;
  const live = ({ held }: ManagedTarget) => liveDeployment(store.read, held);
  const all: Record<string, TargetCommand> = {
    rollback: {
      ask: async ({ target }, fields) => {
        const to = rollbackRequest.shape.to.safeParse(fields.to || undefined);
        if (!to.success) throw new HttpProblem(422, CHOOSE);
        const plan = await planRollback(store.read, target, { to: to.data, force: false });
        if ("kind" in plan) throw new HttpProblem(plan.kind === "not_found" ? 404 : 409, plan.reason);
        return rollbackQuestion(plan, { target, github, fields });
      },
      perform: async (managed, fields) => {
        if (fields.live !== ((await live(managed))?.id ?? ""))
          throw new HttpProblem(409, "another commit is live by now; look again, and decide anew");
        const request = rollbackRequest.safeParse({
          to: fields.to,
          reason: fields.reason,
          hold: fields.hold === "1",
        });
        if (!request.success) throw new HttpProblem(422, CHOOSE);
        const { deployment } = await commands.rollBack(managed, request.data);
        return `/deployments/${deployment.id}`;
      },
    },
    hold: {
      ask: async (managed, fields) =>
        holdQuestion(await live(managed), { target: managed.target, github, fields }),
      perform: async (managed, { reason, until: end }) => {
        // The field has no zone; its label says that it is UTC.
        const until = end ? Date.parse(`${end}Z`) : null;
        const request = holdRequest.shape.reason.safeParse(reason);
        if (!request.success) throw new HttpProblem(422, "give a reason of 1 to 500 characters");
        if (Number.isNaN(until)) throw new HttpProblem(422, "give a time such as 2030-01-31T18:00, or none");
        await commands.hold(managed, { reason: request.data, until });
        return pathOf(managed);
      },
    },
    release: {
      ask: async (managed) => {
        const { target, held } = managed;
        const [due, waiting, now] = await Promise.all([
          dueOnRelease(store.read, held, target.queue),
          waitingOf(store.read, held),
          live(managed),
        ]);
        return releaseQuestion({ due, waiting: waiting.length, live: now }, { target, github });
      },
      perform: async (managed) => {
        await commands.release(managed);
        return pathOf(managed);
      },
    },
  };
  return new Map(Object.entries(all));
}

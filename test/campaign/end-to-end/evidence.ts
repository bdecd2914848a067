import type { DeliveryAnswer } from "../../../app/reads/answers/delivery.ts";
import type { StatusAnswer } from "../../../app/reads/answers/status.ts";
import type { Deployment, DeploymentSource } from "../../../shared/deployment.ts";
import type { SentAlert } from "../../helpers/alerts/receivers.ts";
import type { DeliveryRecord } from "../../simulator/delivery-log.ts";
import { readScriptTrace, type ScriptLine } from "../deploy-script.ts";
import type { InstanceName } from "../instances.ts";
import type { Asked } from "./ask.ts";
import type { History } from "./history.ts";
import { activeOf, type Happened, type Held } from "./perform.ts";
import type { Stage } from "./stage.ts";
import { ALL_SOURCES } from "./targets.ts";

/** An alert, in the message that brought it. */
export type ReceivedAlert = SentAlert & { message: string };

/** What is seen from outside: at GitHub, by the commands' own notes, at the API, and in the alerts. */
export interface Evidence {
  history: History;
  happened: Happened[];
  held: Held[];
  asked: Asked[];
  completedAt: Map<string, number>;
  /** GitHub's log of deliveries, rows that do not show yet included. */
  log: DeliveryRecord[];
  deployments: Deployment[];
  /** The GUIDs on record, each with the way in which its event arrived first. */
  guids: Map<string, DeploymentSource>;
  status: StatusAnswer;
  active: InstanceName;
  hookUrl: string;
  /** Each change of the webhook URL at GitHub, oldest first. */
  urls: { at: number; url: string }[];
  journal: ScriptLine[];
  alerts: ReceivedAlert[];
  /** GitHub's Deployments by the id of the deployment that they show: the states that each went through. */
  shown: Map<string, string[][]>;
}

/** Collects what can be seen now. Rejects while no instance answers. */
export async function collect(stage: Stage, history: History): Promise<Evidence> {
  const { github, host } = stage;
  const active = activeOf(stage);
  const asked = await whoAnswers(stage, active);
  // Before the deployments: whatever a command noted is on record already.
  const journal = readScriptTrace(host.traceFile);
  return {
    history,
    happened: stage.happened,
    held: stage.held,
    asked: stage.asked,
    completedAt: stage.completedAt,
    log: github.deliveries,
    deployments: await host.deployments(asked),
    guids: await guidsOnRecord(stage, asked),
    status: (await (await host.admin(asked, "GET", "/api/status")).json()) as StatusAnswer,
    active,
    hookUrl: github.hook.config.url,
    urls: urlsOf(stage),
    journal,
    alerts: stage.alerts.posts.all.flatMap(({ text, headers }) =>
      (JSON.parse(text) as { data: { alerts: SentAlert[] } }).data.alerts.map((alert) => ({
        ...alert,
        message: String(headers["webhook-id"]),
      })),
    ),
    shown: shownAt(stage),
  };
}

/** The active instance, or the other one where it does not answer. */
async function whoAnswers({ host }: Stage, active: InstanceName): Promise<InstanceName> {
  const up = await fetch(host.url(active, "/livez")).catch(() => undefined);
  await up?.body?.cancel();
  if (up?.ok) return active;
  return active === "primary" ? "backup" : "primary";
}

async function guidsOnRecord({ host }: Stage, asked: InstanceName): Promise<Evidence["guids"]> {
  const guids: Evidence["guids"] = new Map();
  for (let cursor: string | null = ""; cursor !== null; ) {
    const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const answer = await host.admin(asked, "GET", `/api/deliveries?per_page=100${query}`);
    const page = (await answer.json()) as { items: DeliveryAnswer[]; next_cursor: string | null };
    for (const { guid, source } of page.items) if (guid !== null) guids.set(guid, source);
    cursor = page.next_cursor;
  }
  return guids;
}

function urlsOf({ github }: Stage): Evidence["urls"] {
  const urls: Evidence["urls"] = [];
  for (const { method, path, status, body, at } of github.requests) {
    if (method !== "PATCH" || path !== "/app/hook/config" || body === null) continue;
    // An answer that was lost has no status.
    if (status !== 200 && status !== null) continue;
    const { url } = JSON.parse(body) as { url: string };
    if (urls.at(-1)?.url !== url) urls.push({ at, url });
  }
  return urls;
}

function shownAt({ github }: Stage): Evidence["shown"] {
  const shown: Evidence["shown"] = new Map();
  for (const repository of new Set(Object.keys(ALL_SOURCES).map((source) => source.split(" ")[0] as string)))
    for (const { payload, statuses } of github.deployments(repository)) {
      const parsed = (typeof payload === "string" ? JSON.parse(payload || "{}") : payload) as {
        twinhook?: { id?: string };
      } | null;
      const id = parsed?.twinhook?.id;
      if (id === undefined) continue;
      const states = statuses.toSorted((a, b) => a.id - b.id).map(({ state }) => state);
      shown.set(id, [...(shown.get(id) ?? []), states]);
    }
  return shown;
}

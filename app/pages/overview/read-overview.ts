import type { Selectable } from "kysely";
import { type Viewer, visibleRepositories } from "../../auth/viewer.ts";
import type { Config } from "../../config/load.ts";
import type { InstanceConfig } from "../../config/schema.ts";
import { SAMPLE_MS } from "../../failover/health-record.ts";
import { MIN_SAMPLES } from "../../failover/health-window.ts";
import { isInSync, readSwitchboard } from "../../failover/switchboard.ts";
import { longestWaiting } from "../../queue/waiting-since.ts";
import { countVerifications } from "../../reads/count-verifications.ts";
import { listDeliveries } from "../../reads/list-deliveries.ts";
import { listDeployments } from "../../reads/list-deployments.ts";
import { byTarget } from "../../store/by-target.ts";
import type {
  DeliveryRow,
  DeploymentRecord,
  EndpointHealthRow,
  FailoverRow,
  HealthSampleRow,
  LookRow,
} from "../../store/schema.ts";
import type { Store } from "../../store/store.ts";
import { linesOf, whatRenamed } from "../../upkeep/renamed.ts";
import type { PageOptions } from "../page-options.ts";

/** The time span of the chart. */
export const CHART_MS = 3_600_000;
const RECENT = 6;
const CHANGES = 8;
/** The page lists so many pending deployments and only counts the rest. */
const SHOWN_PENDING = 10;

export interface OverviewEndpoint extends Pick<InstanceConfig, "name" | "url"> {
  status: EndpointHealthRow["status"];
  reason: string;
  since: number | null;
  /** Over the last minute; null when nothing was measured. */
  averageMs: number | null;
  /** Percent; null when there are too few checks since the status changed. */
  successRate: number | null;
}

/** The facts of the overview. All come from the store, so each instance shows the same. */
export interface Overview {
  now: number;
  /** The instance that serves this page. */
  instance: string;
  controller: string | null;
  active: string | null;
  pinned: string | null;
  pinnedReason: string | null;
  mode: Config["webhook"]["mode"];
  hasDoor: boolean;
  endpoints: OverviewEndpoint[];
  webhook: { url: string | null; verifiedAt: number | null; inSync: boolean };
  changes: Selectable<FailoverRow>[];
  /** The targets that the viewer may see, each with its last deployment. */
  targets: { repository: string; name: string; last: DeploymentRecord | null }[];
  pending: { shown: DeploymentRecord[]; queued: number; running: number; oldestQueuedAt: number | null };
  /** Problems with the names of repositories in twinhook.yml. */
  renamed: string[];
  verification: { requested: number; verified: number };
  looks: LookRow[];
  deployments: DeploymentRecord[];
  deliveries: DeliveryRow[];
  samples: HealthSampleRow[];
}

/**
 * Reads the overview for this viewer. Deployments are limited to visible repositories; the redundancy is for
 * everyone.
 */
export async function readOverview(o: PageOptions, viewer: Viewer): Promise<Overview> {
  const { config, self, store, failover } = o;
  const now = o.now();
  const visible = visibleRepositories(viewer);
  const [
    board,
    lease,
    health,
    samples,
    changes,
    looks,
    verification,
    pending,
    targets,
    renamed,
    deployments,
    deliveries,
  ] = await Promise.all([
    readSwitchboard(store),
    store.read
      .selectFrom("leases")
      .select("instance")
      .where("name", "=", "controller")
      .where("holder", "is not", null)
      .executeTakeFirst(),
    store.read.selectFrom("endpoint_health").selectAll().execute(),
    store.read
      .selectFrom("health_samples")
      .selectAll()
      .where("at", ">", now - CHART_MS)
      .orderBy("at")
      .execute(),
    store.read.selectFrom("failovers").selectAll().orderBy("id", "desc").limit(CHANGES).execute(),
    store.read.selectFrom("looks").selectAll().execute(),
    countVerifications(store, visible),
    readPending(store, visible),
    readTargets(store, config, visible),
    readRenamed(store, config, visible),
    listDeployments(store, { visible, filter: {}, limit: RECENT }),
    listDeliveries(store, { visible, filter: { withoutEchoes: true }, limit: RECENT }),
  ]);
  const observed = failover.checker.observe();
  const active = board?.active ?? null;
  return {
    now,
    instance: self.name,
    controller: lease?.instance ?? null,
    active,
    pinned: board?.pinned ?? null,
    pinnedReason: board?.pinned_reason ?? null,
    mode: config.webhook.mode,
    hasDoor: config.door !== null,
    endpoints: config.instances.map(({ name, url }) => {
      // Until a controller has recorded the health, this instance's own view serves.
      const own = observed.find((endpoint) => endpoint.name === name)?.health;
      const recorded = health.find((row) => row.endpoint === name);
      return {
        name,
        url,
        status: recorded?.status ?? own?.status ?? "unknown",
        reason: recorded?.reason ?? own?.reason ?? "not checked yet",
        since: recorded?.since ?? null,
        ...measured(
          samples.filter((s) => s.endpoint === name && s.at > now - config.failover.window),
          recorded?.since ?? 0,
        ),
      };
    }),
    webhook: {
      url: board?.webhook_url ?? null,
      verifiedAt: board?.webhook_verified_at ?? null,
      inSync: isInSync(board, config),
    },
    changes,
    targets,
    pending,
    renamed,
    verification,
    looks,
    deployments: deployments.rows,
    deliveries: deliveries.rows,
    samples,
  };
}

/**
 * The measurements of an endpoint. Checks before its status changed (`since`, ms) do not count for that
 * status. Too few checks give no figure.
 */
export function measured(
  recent: readonly HealthSampleRow[],
  since: number,
): Pick<OverviewEndpoint, "averageMs" | "successRate"> {
  const samples = recent.filter(({ at }) => at - SAMPLE_MS >= since);
  const succeeded = samples.reduce((sum, sample) => sum + sample.succeeded, 0);
  const failed = samples.reduce((sum, sample) => sum + sample.failed, 0);
  const totalMs = samples.reduce((sum, sample) => sum + (sample.average_ms ?? 0) * sample.succeeded, 0);
  return {
    averageMs: succeeded === 0 ? null : totalMs / succeeded,
    successRate: succeeded + failed < MIN_SAMPLES ? null : (100 * succeeded) / (succeeded + failed),
  };
}

/** One query for each status, since each has a small index of its own; no index has this order. */
async function readPending(store: Store, visible: string[] | null): Promise<Overview["pending"]> {
  const of = (status: "running" | "queued") =>
    store.read
      .selectFrom("deployments")
      .where("status", "=", status)
      .$if(visible !== null, (q) => q.where("repository_key", "in", visible ?? []));
  const shown = (status: "running" | "queued") =>
    of(status).selectAll().orderBy("accepted_at").orderBy("id").limit(SHOWN_PENDING).execute();
  const count = (status: "running" | "queued") =>
    of(status)
      .select((e) => e.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
  const [running, queued, runs, waits, oldestQueuedAt] = await Promise.all([
    shown("running"),
    shown("queued"),
    count("running"),
    count("queued"),
    longestWaiting(store.read, visible),
  ]);
  return {
    shown: [...running, ...queued].slice(0, SHOWN_PENDING),
    queued: Number(waits.count),
    running: Number(runs.count),
    oldestQueuedAt,
  };
}

async function readTargets(
  store: Store,
  config: Config,
  visible: string[] | null,
): Promise<Overview["targets"]> {
  const rows = await store.read
    .selectFrom("targets")
    .leftJoin("deployments", "deployments.id", "targets.mark_deployment_id")
    .selectAll("deployments")
    .select(["targets.repository as key", "targets.target as name"])
    .where("targets.watch_from", "is not", null)
    .execute();
  const find = byTarget(rows.map((last) => ({ repository: last.key, target: last.name, last })));
  return config.targets
    .filter(({ repository }) => visible === null || visible.includes(repository.toLowerCase()))
    .map(({ repository, name }) => {
      const last = find(repository, name)?.last;
      return { repository, name, last: last?.id == null ? null : (last as DeploymentRecord) };
    });
}

async function readRenamed(store: Store, config: Config, visible: string[] | null): Promise<string[]> {
  const rows = await store.read.selectFrom("repositories").selectAll().execute();
  return rows
    .filter(({ name }) => visible === null || visible.includes(name))
    .flatMap((row) => whatRenamed(row, linesOf(row.name, config)) ?? []);
}

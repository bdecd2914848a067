import type { DeploymentStatus } from "../../shared/deployment.ts";
import type { Endpoint } from "../input/endpoints.ts";
import type { KnownDeployment } from "./answer.ts";
import type { Refusal, Told } from "./judge.ts";

/** One request, as the summary's table shows it. */
export interface Entry {
  step: "deliver" | "confirm" | "check";
  endpoint: Endpoint;
  /** The round of the request, from 1. */
  round: number;
  startedAt: Date;
  tookMs: number;
  result: ToldState | Refusal | Ready | { kind: "cut off" };
}

/** The state of this step's deployment, as a route reported it. */
export type ToldState = Pick<Told, "kind" | "status" | "skewMs"> &
  Pick<KnownDeployment, "onRecord" | "duplicate"> & { state: DeploymentStatus };

/** The result of a check: GitHub would accept the request. */
export interface Ready {
  kind: "ready";
  status: number;
}

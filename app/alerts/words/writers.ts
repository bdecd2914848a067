import { targetPath } from "../../config/link-base.ts";
import type { AlertFacts } from "../../queue/alert-facts.ts";
import type { AlertRow } from "../../store/schema.ts";
import type { Store } from "../../store/store.ts";
import type { Alert } from "../alert.ts";

/** An alert as it is recorded, before it is put into words. */
export type Noted = Omit<AlertRow, "id" | "told_at"> & { id: string };

/** The sources of the words beside the record. */
export interface Wording {
  store: Pick<Store, "read">;
  /** The addresses of the dashboard and of a deployment's page. */
  homeUrl: string;
  pageUrl: (deploymentId: string) => string;
}

/** The words of an alert. Without a URL, it links to the dashboard. */
export type Words = Pick<Alert, "title" | "cause" | "effect" | "remedy"> & { url?: string };

/** For each kind of alert, the function that puts its facts into words. */
export type Writers = {
  [K in keyof AlertFacts]: (facts: AlertFacts[K], noted: Noted, wording: Wording) => Words | Promise<Words>;
};

/** The remedy where there is nothing to do. */
export const NOTHING = "Nothing.";

/** The address of a target's page. `homeUrl` ends with a slash. */
export function targetUrl(homeUrl: string, repository: string, target: string): string {
  return homeUrl.replace(/\/$/, "") + targetPath(repository, target);
}

import { isoTime } from "../clock.ts";
import type { Alert } from "./alert.ts";
import { DEPLOYMENT_WORDS } from "./words/deployments.ts";
import { REQUEST_WORDS } from "./words/requests.ts";
import { SERVICE_WORDS } from "./words/service.ts";
import { TARGET_WORDS } from "./words/targets.ts";
import type { Noted, Wording, Words, Writers } from "./words/writers.ts";

const WRITERS: Writers = { ...SERVICE_WORDS, ...DEPLOYMENT_WORDS, ...TARGET_WORDS, ...REQUEST_WORDS };

/** Puts an alert into words: title, time, cause, effect on deployments, remedy and link. */
export async function describeAlert(noted: Noted, wording: Wording): Promise<Alert> {
  const { id, kind, state, subject, since, at } = noted;
  const write = WRITERS[kind] as (facts: unknown, noted: Noted, wording: Wording) => Words | Promise<Words>;
  const words = await write(JSON.parse(noted.facts), noted, wording);
  return {
    id,
    kind,
    state,
    subject,
    since: isoTime(since),
    at: isoTime(at),
    url: wording.homeUrl,
    ...words,
  };
}

import { PROBLEMS } from "../../shared/deployment-request.ts";
import { INSTANCE_HEADER } from "../../shared/instance-header.ts";
import { NO_TOKEN, NOT_CONNECTED, TIMED_OUT, TOO_LONG } from "../http.ts";
import { whereToLook } from "../network-cause.ts";
import type { ActionRequest } from "./request.ts";

/** The remedy for a problem of this `type`; undefined where its status tells it. */
export function remedyForProblem(
  type: string | null,
  { environment }: Pick<ActionRequest, "environment">,
  credentialKind: "secret" | "oidc",
): string | undefined {
  switch (type) {
    case PROBLEMS.approval:
      return `GitHub protects this environment. Add these two lines to the job, beside what it has: \`environment: ${environment}\` and \`permissions: { id-token: write }\`. ${credentialKind === "secret" ? "Remove the input `secret`, which proves no approval." : "Without them its token names no environment."}`;
    case PROBLEMS.route:
      return "Add `action` to the target's `routes` in twinhook.yml, or remove this step: GitHub's event deploys the target.";
    default:
      return undefined;
  }
}

/** The remedy for an endpoint's answer with this status; it names the setting to change. */
export function remedyForStatus(
  status: number,
  request: ActionRequest,
  credentialKind: "secret" | "oidc",
): string {
  switch (status) {
    case 400:
    case 415:
      return "The App did not understand the request: use the same release of the Action and of the App.";
    case 401:
      if (credentialKind === "oidc")
        return "Check that `oidc.issuer` and `oidc.audience` in twinhook.yml are this GitHub's and the input `audience`, and that the instance reaches the issuer, has the right time, and is recent enough to know OIDC.";
      return "Set the input `secret` to the value that this instance holds in the variable that the target's `action.secret_env` names, and check that the instance's clock is right (5 minutes are allowed).";
    case 403:
      return `Allow this workflow in twinhook.yml: the target's \`action.workflows\` must name \`${request.workflow}\`, its \`action.refs\` must name \`${request.ref}\`, and a sha that is not the run's own needs \`any_sha: true\`.`;
    case 404:
      return `Add a target for repository \`${request.repository}\` and environment \`${request.environment}\`${request.target === undefined ? "" : ` named \`${request.target}\``} to twinhook.yml, or correct the inputs \`environment\` and \`target\`; check also the path of the endpoint's URL.`;
    case 409:
      return "This run attempt is on record with another commit, ref or payload (see the answer): give each step a target of its own, or ask once, in one step. After an event that came first, ask in the workflow that the target names.";
    case 413:
      return "Make the input `payload` smaller.";
    case 422:
      return "Set the input `target`: the environment has several targets, or a field of the request is not accepted (see the answer).";
    case 429:
      return "Too many requests reach this instance: start fewer runs at once, or raise `max-delay` and `timeout`.";
    default:
      return status >= 500
        ? "Look into the log of this instance: it answers, but cannot accept."
        : "Use the same release of the Action and of the App.";
  }
}

/** The remedy when something other than an instance answered at an endpoint's URL. */
export function remedyForForeignAnswer(status: number): string {
  if (status === 413)
    return "Raise the body limit of the proxy in front of the instance, or make the input `payload` smaller.";
  if (status >= 500)
    return "Start the instance, and check in the proxy's log to which address it passes requests on.";
  return `Is this URL really Twinhook's, or does a proxy strip the header ${INSTANCE_HEADER} from its answers?`;
}

/** The remedy when no complete answer arrived; `code` is the reply's. */
export function remedyForNoAnswer(code: string): string {
  if (code === TIMED_OUT || code === NOT_CONNECTED)
    return "Check that the instance is not overloaded and that its port is open to GitHub's runners, or raise the input `request-timeout`.";
  if (code === NO_TOKEN)
    return "Check that the job has `permissions: id-token: write`, and whether GitHub has an incident; or use the input `secret`.";
  if (code === TOO_LONG) return "Check that the endpoint's URL leads to Twinhook.";
  switch (whereToLook(code)) {
    case "certificate":
      return "Correct the certificate or the scheme of this endpoint: the runner must be able to verify it.";
    case "name":
      return "Correct the host name in the input `endpoints`, or its DNS entry.";
    case "proxy":
      return "Check HTTPS_PROXY and what the proxy allows, or name this host in NO_PROXY.";
    case "instance":
      return "Start the instance and check that its port is open to GitHub's runners.";
  }
}

/** The remedy when an endpoint redirected. */
export function remedyForRedirect(target: string | null): string {
  return target === null
    ? "Correct the URL in the input `endpoints`: redirects are not followed."
    : `Replace the URL in the input \`endpoints\` by the one that it leads to (${target}): redirects are not followed.`;
}

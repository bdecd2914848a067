import { NOTHING, type Writers } from "./writers.ts";

/** The words of alerts about requests that were found late, and of the test alert. */
export const REQUEST_WORDS = {
  catch_up: ({ look, found, accepted }) => ({
    title: `${found} ${found === 1 ? "request" : "requests"} had not arrived, and ${found === 1 ? "was" : "were"} found at GitHub`,
    cause: LOOKS[look] ?? "They were found at GitHub.",
    effect: whatBecame(found, accepted),
    remedy:
      "Nothing for these. If no instance was down at that time, look at GitHub's list of deliveries (App settings, Advanced) for what it saw.",
  }),

  test: ({ who }) => ({
    title: "This is a test alert",
    cause: `${who} asked for it.`,
    effect: "None.",
    remedy: NOTHING,
  }),
} satisfies Partial<Writers>;

/** The result of requests that were found late: newer runs overtake those that are not deployed. */
function whatBecame(found: number, deployed: number): string {
  const overtaken = found - deployed;
  if (overtaken === 0) return found === 1 ? "It is deployed now." : "All of them are deployed now.";
  if (deployed === 0)
    return found === 1
      ? "It is not deployed: a newer run had overtaken it."
      : "None of them is deployed: newer runs had overtaken them.";
  return `${deployed} of them ${deployed === 1 ? "is" : "are"} deployed now; newer runs overtook the other ${overtaken}.`;
}

const LOOKS: Record<string, string> = {
  catch_up: "GitHub's log shows them as failed: no instance took them in when they were sent.",
  reconcile: "GitHub has completed runs of which no event ever arrived.",
  action_deployments: "An Action could reach no instance, and left its request at GitHub.",
};

import { expect, it, test } from "vitest";
import { configWarnings } from "../../../app/config/load.ts";
import { ConfigFile, DELIVERY_SECRET, withTarget } from "./config-file.ts";

it("both ways in are open, and GitHub says whether an approval is needed, unless the file says otherwise", () => {
  expect(new ConfigFile(withTarget({})).load().targets[0]).toMatchObject({
    routes: ["event", "action"],
    approval: "auto",
  });
});

test.each([
  [{ routes: ["push"] }, 'targets[0].routes[0]: expected event or action, got "push"'],
  [{ routes: [] }, "targets[0].routes: expected a list that is not empty, got an empty list"],
  [{ approval: "yes" }, 'targets[0].approval: expected auto or required or none, got "yes"'],
  [
    { approval: "required", routes: ["event"] },
    "targets[0].approval: expected routes with action in it, since only the job of an Action can prove an approval, " +
      'got "required, with routes: [event]"; add action to routes, or set approval: none',
  ],
])("%j is refused, with its line", (keys, message) => {
  const [first] = new ConfigFile(withTarget(keys)).messages();
  expect(first).toMatch(/^twinhook.yml:\d+: /);
  expect(first).toContain(message);
});

it("--check warns of a delivery secret that starts nothing", () => {
  const file = new ConfigFile(withTarget({ approval: "required", action: { secret_env: "SITE_SECRET" } }), {
    SITE_SECRET: DELIVERY_SECRET,
  });
  expect(configWarnings(file.load()).filter((line) => line.includes("approval"))).toEqual([
    'targets[0].action.secret_env: a delivery secret starts nothing here, since approval is required: only the token of a job with "environment: production" does',
  ]);
});

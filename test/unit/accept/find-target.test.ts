import { describe, expect, it } from "vitest";
import { findTarget } from "../../../app/accept/deployment-request.ts";
import { testTarget } from "../../helpers/arrivals.ts";

const UNNAMED = testTarget({ environment: "production" });
const NAMED = testTarget({ environment: "staging", name: "web" });

const find = (request: { environment?: string; target?: string }) =>
  findTarget({ repository: "acme/site", ...request }, [UNNAMED, NAMED]);

describe("the target of a request", () => {
  it.each(["production", "Production", "PRODUCTION"])("is found by its environment as %s", (environment) => {
    expect(find({ environment })).toEqual({ target: UNNAMED });
  });

  it("without a name of its own is found by its environment's name, whatever its case", () => {
    expect(find({ environment: "Production", target: "Production" })).toEqual({ target: UNNAMED });
  });

  it("with a name of its own is found by exactly this name", () => {
    expect(find({ environment: "Staging", target: "web" })).toEqual({ target: NAMED });
    expect(find({ environment: "Staging", target: "Web" })).toMatchObject({ reason: "not_found" });
  });
});

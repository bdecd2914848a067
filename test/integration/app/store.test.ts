import { describe, expect, it } from "vitest";
import { SCHEMA_VERSION } from "../../../app/store/migrate.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";

describe.each(ENGINES)("the %s store", (engine) => {
  it("has the present schema once it is open", async () => {
    const store = await newStore(engine);
    const row = await store.read.selectFrom("twinhook_version").selectAll().executeTakeFirstOrThrow();
    expect(row.version).toBe(SCHEMA_VERSION);
  });
});

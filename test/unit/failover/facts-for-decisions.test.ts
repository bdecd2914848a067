import { describe, expect, it } from "vitest";
import { configSchema } from "../../../app/config/schema.ts";
import { decide } from "../../../app/failover/decide.ts";
import { HealthWindow } from "../../../app/failover/health-window.ts";

const { failover: thresholds } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});
const CHECK_MS = 500;
const NOT_READY = "/readyz answered 503";

type Name = "primary" | "backup";
/** What a check brings: an answer, the answer that the store takes no commit, or none. */
type Result = "ready" | "not ready" | "silent";

/** Two endpoints that were well for long, as a controller sees them; it decides after every check of either. */
class Observer {
  readonly windows = { primary: new HealthWindow(thresholds), backup: new HealthWindow(thresholds) };
  now = 0;
  active: Name = "primary";
  pinned: Name | null = null;
  readonly moves: string[] = [];

  constructor() {
    for (let round = 0; round < 150; round += 1) this.round("ready", "ready");
  }

  /** A round of checks, the primary's first. */
  round(primary: Result, backup: Result): void {
    this.now += CHECK_MS;
    this.check("primary", primary);
    this.check("backup", backup);
  }

  check(name: Name, result: Result): void {
    const window = this.windows[name];
    if (result === "ready") window.succeeded(this.now, 3);
    else if (result === "not ready") window.failed(this.now, 3, NOT_READY, { storeFails: true });
    else window.failed(this.now, 500, "no answer within 500 ms");
    this.decide();
  }

  decide() {
    const decision = decide({
      endpoints: (["primary", "backup"] as const).map((name) => ({
        name,
        health: this.windows[name].health(this.now),
      })),
      ...{ active: this.active, pinned: this.pinned, forced: false, thresholds, now: this.now, grace: false },
    });
    if (decision.dropPin) this.pinned = null;
    if (decision.kind === "stay") return decision;
    this.active = decision.to as Name;
    this.moves.push(`${decision.kind} to ${decision.to}`);
    return decision;
  }

  rounds(count: number, primary: Result, backup: Result): void {
    for (let round = 0; round < count; round += 1) this.round(primary, backup);
  }
}

describe("a store that both endpoints share", () => {
  it.each([1, 2, 30, 200])("moves nobody while it fails for %s checks, and when it is back", (checks) => {
    const seen = new Observer();
    // The primary notices first that it fails, and last that it is back; the backup relied on an earlier proof.
    seen.rounds(2, "not ready", "ready");
    seen.rounds(checks, "not ready", "not ready");
    seen.rounds(2, "not ready", "ready");
    seen.rounds(240, "ready", "ready");
    expect(seen.moves).toEqual([]);
  });

  it("moves nobody either where the backup is active", () => {
    const seen = new Observer();
    seen.active = "backup";
    seen.pinned = "backup";
    seen.rounds(30, "not ready", "not ready");
    seen.rounds(2, "ready", "not ready");
    seen.rounds(240, "ready", "ready");
    expect([seen.moves, seen.pinned]).toEqual([[], "backup"]);
  });

  it("is reported as all down while it fails", () => {
    const seen = new Observer();
    seen.rounds(10, "not ready", "not ready");
    expect(seen.decide()).toMatchObject({ kind: "stay", allDown: true });
  });
});

describe("a store that only the active endpoint cannot commit to", () => {
  it("moves to the other one, which commits meanwhile, within 3 s", () => {
    const seen = new Observer();
    seen.rounds(5, "not ready", "ready");
    expect(seen.moves).toEqual([]);
    seen.round("not ready", "ready");
    expect(seen.moves).toEqual(["failover to backup"]);
  });

  it("moves to the other one as well after both had failed", () => {
    const seen = new Observer();
    seen.rounds(30, "not ready", "not ready");
    seen.rounds(3, "not ready", "ready");
    expect(seen.moves).toEqual([]);
    seen.rounds(2, "not ready", "ready");
    expect(seen.moves).toEqual(["failover to backup"]);
  });

  it("keeps a hung endpoint from nothing: who answers nothing fails by itself", () => {
    const seen = new Observer();
    seen.round("not ready", "ready");
    seen.rounds(3, "silent", "ready");
    expect(seen.moves).toEqual(["failover to backup"]);
  });
});

describe("an observer that stood still", () => {
  const interrupt = (seen: Observer, ms: number) => {
    seen.now += ms;
    for (const window of Object.values(seen.windows)) window.interrupted(seen.now);
  };

  it("judges nobody before each endpoint was checked again", () => {
    const seen = new Observer();
    seen.rounds(2, "silent", "ready");
    interrupt(seen, 10_000);
    expect(seen.decide()).toMatchObject({ kind: "stay", dropPin: false });
    seen.check("backup", "ready");
    expect(seen.decide().kind).toBe("stay");
    seen.check("primary", "ready");
    expect(seen.moves).toEqual([]);
  });

  it("counts failures from before no more", () => {
    const seen = new Observer();
    seen.rounds(2, "silent", "ready");
    interrupt(seen, 10_000);
    seen.rounds(2, "silent", "ready");
    expect(seen.moves).toEqual([]);
    seen.round("silent", "ready");
    expect(seen.moves).toEqual(["failover to backup"]);
  });

  it("goes back to a preferred endpoint only after it has seen it well again", () => {
    const seen = new Observer();
    seen.rounds(3, "silent", "ready");
    seen.rounds(18, "ready", "ready");
    interrupt(seen, 60_000);
    seen.rounds(4, "ready", "ready");
    expect(seen.moves).toEqual(["failover to backup"]);
    seen.round("ready", "ready");
    expect(seen.moves.at(-1)).toBe("recovery to primary");
  });

  it("keeps a person's pin", () => {
    const seen = new Observer();
    seen.pinned = "primary";
    seen.rounds(2, "silent", "ready");
    interrupt(seen, 10_000);
    seen.decide();
    expect(seen.pinned).toBe("primary");
  });

  it("knows at once what a closed connection proves", () => {
    const seen = new Observer();
    interrupt(seen, 10_000);
    seen.check("backup", "ready");
    seen.windows.primary.died(seen.now, "its process is gone");
    seen.decide();
    expect(seen.moves).toEqual(["failover to backup"]);
  });
});

describe("a move by choice", () => {
  /** An observer that may go back to the primary in its next round. */
  const beforeRecovery = () => {
    const seen = new Observer();
    seen.windows.primary.died(seen.now, "its process is gone");
    seen.decide();
    seen.rounds(19, "ready", "ready");
    expect(seen.moves).toEqual(["failover to backup"]);
    return seen;
  };

  it("is made once the preferred endpoint was well for its time", () => {
    const seen = beforeRecovery();
    seen.round("ready", "ready");
    expect(seen.moves.at(-1)).toBe("recovery to primary");
  });

  it("waits while the active endpoint leaves a check unanswered, and is a failover if it hangs", () => {
    const seen = beforeRecovery();
    seen.windows.backup.failed(seen.now, 500, "no answer within 500 ms");
    seen.round("ready", "silent");
    expect(seen.moves).toHaveLength(1);
    seen.round("ready", "silent");
    expect(seen.moves.at(-1)).toBe("failover to primary");
  });

  it("is made after all once the active endpoint answers again", () => {
    const seen = beforeRecovery();
    seen.windows.backup.failed(seen.now, 500, "no answer within 500 ms");
    seen.round("ready", "ready");
    expect(seen.moves.at(-1)).toBe("recovery to primary");
  });
});

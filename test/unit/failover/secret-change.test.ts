import { expect, it } from "vitest";
import { SecretChange } from "../../../app/failover/secret-change.ts";

const KEY = Buffer.alloc(32, 1);

/** The view of one instance of three; `down` are the others that it knows to be down. */
function scene({ secret = "new", previous = "old" as string | null, down = [] as string[] } = {}) {
  return new SecretChange({
    ...{ secret, previous, key: KEY },
    others: ["backup", "third"],
    isDown: (name) => down.includes(name),
  });
}
const OLD = scene({ secret: "old", previous: null }).marks;
const NEW = scene().marks;

it("GitHub gets the previous secret until every other instance accepts the new one", () => {
  const change = scene();
  expect(change.secret).toBe("old");
  change.heard("backup", NEW);
  change.heard("third", OLD);
  expect(change).toMatchObject({ isAgreed: false, secret: "old" });
  change.heard("third", NEW);
  expect(change).toMatchObject({ isAgreed: true, secret: "new" });
});

it("an instance that is down does not hold the change up, one that is only not connected does", () => {
  const change = scene({ down: ["third"] });
  change.heard("backup", NEW);
  expect(change.isAgreed).toBe(true);
  change.lost("backup");
  expect(change.isAgreed).toBe(false);
});

it("an instance of an older release, which sends no marks, does not hold the change up", () => {
  const change = scene();
  change.heard("backup", undefined);
  change.heard("third", NEW);
  expect(change.secret).toBe("new");
});

it("without a previous secret the only one is given, whatever the others accept", () => {
  const change = scene({ previous: null });
  change.heard("backup", OLD);
  expect(change).toMatchObject({ isUnderWay: false, secret: "new" });
});

it("a mark depends on the instances' key, so that it does not reveal its secret", () => {
  const other = new SecretChange({
    ...{ secret: "new", previous: "old", key: Buffer.alloc(32, 2) },
    others: [],
    isDown: () => false,
  });
  expect(other.marks).not.toEqual(NEW);
  expect(NEW.join()).not.toMatch(/new|old/);
});

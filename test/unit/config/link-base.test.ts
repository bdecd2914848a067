import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { linkBase } from "../../../app/config/link-base.ts";
import { configSchema } from "../../../app/config/schema.ts";
import { firstConfig } from "../../../app/setup/first-config.ts";

const urls = ["https://deploy.example.com:9000", "https://deploy.example.com:9001"];
const listens = ["127.0.0.1:9100", "127.0.0.1:9101"];
const instances = ["primary", "backup"].map((name, index) => ({
  name,
  url: urls[index],
  listen: listens[index],
}));
const door = { listen: "0.0.0.0:9443", url: "https://door.example.com" };

describe("links to pages", () => {
  it("begin the same at every instance: with public_url, else the door, else the first instance", () => {
    const base = (keys: object) => linkBase(configSchema.parse({ instances, ...keys }));
    expect(base({ public_url: "https://people.example.com", door })).toBe("https://people.example.com");
    expect(base({ door })).toBe("https://door.example.com");
    expect(base({})).toBe(urls[0]);
  });

  it("begin with the public_url that setup writes into the file", () => {
    const text = firstConfig({ urls, listens, admins: [] });
    expect(configSchema.parse(parse(text)).public_url).toBe(urls[0]);
  });
});

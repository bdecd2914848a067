import nock from "nock";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";

/** The API of a GitHub that exists only in the answers of a test. */
export const CANNED_GITHUB = "https://api.github.test";

// To import nock is to switch it on, for every test of this process.
nock.restore();

/**
 * Lets the tests of a file give GitHub's answers by nock, which then answers every HTTP request of the process. A test
 * fails when it asks for something without an answer, or leaves an answer unused.
 *
 * For headers, paging and odd answers alone: nock follows redirects by itself, and holds back bodies until their end.
 * @returns the interceptors of GitHub's API.
 */
export function cannedGitHub(): () => nock.Scope {
  const unexpected: string[] = [];
  const note = (request: { method: string; url: string }) =>
    unexpected.push(`${request.method} ${request.url}`);
  beforeAll(() => {
    nock.activate();
    nock.disableNetConnect();
    // nock answers 501 where it knows the host, which a client may take for GitHub's own word.
    nock.emitter.on("no match", note);
  });
  beforeEach(() => {
    unexpected.length = 0;
  });
  afterEach(() => {
    const unused = nock.pendingMocks();
    nock.cleanAll();
    expect({ unexpected, unused }).toEqual({ unexpected: [], unused: [] });
  });
  afterAll(() => {
    nock.emitter.off("no match", note);
    nock.enableNetConnect();
    nock.restore();
  });
  return () => nock(CANNED_GITHUB);
}

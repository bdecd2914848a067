/** An error in GitHub's format; request handlers throw it. */
export class GitHubError extends Error {
  override readonly name = "GitHubError";
  readonly status: number;
  readonly body: Record<string, unknown>;

  constructor(status: number, message: string, more: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.body = {
      message,
      ...more,
      documentation_url: "https://docs.github.com/rest",
      status: String(status),
    };
  }
}

/** The 422 that names the wrong field. */
export function validationFailed(resource: string, field: string, message: string): GitHubError {
  return new GitHubError(422, "Validation Failed", {
    errors: [{ resource, field, code: "custom", message }],
  });
}

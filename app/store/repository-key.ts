/** How the store knows a repository, whatever its spelling: GitHub's names differ in case only by display. */
export function repositoryKey(repository: string): string {
  return repository.toLowerCase();
}

/** The account that a repository belongs to, in lower case. */
export function accountOf(repository: string): string {
  return repositoryKey(repository.slice(0, repository.indexOf("/")));
}

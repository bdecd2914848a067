/** The store's key for a repository: the name in lower case, since GitHub ignores case. */
export function repositoryKey(repository: string): string {
  return repository.toLowerCase();
}

/** The account that a repository belongs to, in lower case. */
export function accountOf(repository: string): string {
  return repositoryKey(repository.slice(0, repository.indexOf("/")));
}

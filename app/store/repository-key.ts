/** How the store knows a repository, whatever its spelling: GitHub's names differ in case only by display. */
export function repositoryKey(repository: string): string {
  return repository.toLowerCase();
}

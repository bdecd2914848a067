import { execFileSync } from "node:child_process";

/**
 * The reason to skip a test that needs these programs; null where all of them are installed. They are in Debian's
 * packages `prometheus` and `prometheus-alertmanager`.
 */
export function missingPrograms(...programs: string[]): string | null {
  const missing = programs.filter((program) => {
    try {
      execFileSync("which", [program], { stdio: "ignore" });
      return false;
    } catch {
      return true;
    }
  });
  return missing.length === 0
    ? null
    : `${missing.join(" and ")} not installed (apt-get install prometheus prometheus-alertmanager)`;
}

import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { ConfigProblem } from "./problem.ts";
import type { YamlFile } from "./yaml-file.ts";

/** Whether the folder that holds the store, or the locks beside it, can be made and written to. */
export function checkStateFolder(folder: string | undefined, file: YamlFile): ConfigProblem[] {
  if (folder === undefined) return [];
  for (let at = folder; ; at = dirname(at)) {
    try {
      accessSync(at, constants.W_OK | constants.X_OK);
      return [];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // It is made where it does not exist.
      if (code === "ENOENT" && at !== dirname(at)) continue;
      return [
        file.problem(["store"], {
          expected: "a folder that the user of the instances may write to, or make",
          got: `${folder}${at === folder ? "" : `, in ${at}`} (${code})`,
          remedy: "make it, as that user's (systemd: StateDirectory=), or name another place in `store`",
        }),
      ];
    }
  }
}

import { accessSync, constants } from "node:fs";
import { dirname } from "node:path";
import type { ConfigProblem } from "../problem.ts";
import type { YamlFile } from "../yaml-file.ts";

/**
 * Checks that the folder of the store or of the locks can be written to. A missing folder must be possible to
 * make.
 */
export function checkStateFolder(folder: string | undefined, file: YamlFile): ConfigProblem[] {
  if (folder === undefined) return [];
  for (let at = folder; ; at = dirname(at)) {
    try {
      accessSync(at, constants.W_OK | constants.X_OK);
      return [];
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A missing folder is made later, so check its parent.
      if (code === "ENOENT" && at !== dirname(at)) continue;
      return [
        file.problem(["store"], {
          expected: "a folder that the user of the instances may write to, or make",
          got: `${folder}${at === folder ? "" : `, in ${at}`} (${code})`,
          remedy: "create it for that user (systemd: StateDirectory=), or name another path in `store`",
        }),
      ];
    }
  }
}

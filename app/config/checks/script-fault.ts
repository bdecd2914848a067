import { accessSync, closeSync, constants, openSync, readSync } from "node:fs";
import { basename, delimiter, join } from "node:path";

/** How many bytes the kernel reads of a script's first line. */
const FIRST_LINE = 256;

/**
 * Why the script at `path` cannot run although it exists, with the remedy; null where no fault is found.
 * `searchPath` is the command's own PATH. The kernel's error "No such file" names the script, even if its
 * interpreter is missing.
 */
export function scriptFault(path: string, searchPath = ""): string | null {
  const line = firstLine(path);
  if (line === null) return null;
  if (line.endsWith("\r"))
    return `its lines end in CRLF, as on Windows: save it with LF alone (sed -i 's/\\r$//' ${basename(path)}; in .gitattributes: *.sh eol=lf)`;
  const [, interpreter, argument] = /^#![ \t]*(\S+)[ \t]*(\S*)/.exec(line) ?? [];
  if (interpreter === undefined) return null;
  if (!isExecutable(interpreter)) return missing(interpreter);
  const byName = basename(interpreter) === "env" && /^[^-=/][^=/]*$/.test(argument ?? "");
  if (!byName || searchPath.split(delimiter).some((folder) => isExecutable(join(folder, argument as string))))
    return null;
  return missing(`${argument}, along PATH`);
}

function missing(interpreter: string): string {
  return `its first line names an interpreter that is not there (${interpreter}): install it, or correct the line`;
}

/** The first line of a text file; null for a program, and for an unreadable file. */
function firstLine(path: string): string | null {
  const bytes = Buffer.alloc(FIRST_LINE);
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const text = bytes.toString("latin1", 0, readSync(file, bytes, 0, FIRST_LINE, 0));
      return text.includes("\0") ? null : (text.split("\n", 1)[0] as string);
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

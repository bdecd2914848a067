import { readFileSync } from "node:fs";

/**
 * The deploy script of the campaign. Besides noting its start and its end, it finds out by itself whether another
 * one runs for the same target or named lock: its arguments name files beside the trace, each of which the running command has
 * made by `ln`, which is atomic. A file whose process (pid and start time) is gone was left by a killed one.
 * It uses the shell's own commands where it can, since it runs more than a thousand times.
 * Files beside the trace say how long the command of a run takes, and whether it fails.
 */
export const DEPLOY_SCRIPT = `#!/bin/sh
look() {
  state= began=
  { read -r x x state x x x x x x x x x x x x x x x x x x began x < "/proc/$1/stat"; } 2>/dev/null
}
look $$
me="$$ $began"
note() {
  echo "$1 $TWINHOOK_DEPLOYMENT_ID $TWINHOOK_ATTEMPT $TWINHOOK_RUN_ID $TWINHOOK_SHA $(date +%s%N) $TWINHOOK_TARGET $me $2" >> "$TRACE_FILE"
}
take() {
  echo "$me $TWINHOOK_DEPLOYMENT_ID $TWINHOOK_ATTEMPT" > "$1.$$"
  if ln "$1.$$" "$1" 2>/dev/null; then
    rm "$1.$$"
  else
    pid= start= whose="somebody who has just ended"
    { read -r pid start whose < "$1"; } 2>/dev/null
    look "\${pid:-none}"
    if [ -z "$pid" ] || { [ "$began" = "$start" ] && [ "$state" != Z ]; }; then
      note overlap "\${1##*.} $pid $whose"
    fi
    mv -f "$1.$$" "$1"
  fi
}
give() {
  { read -r pid start whose < "$1"; } 2>/dev/null
  if [ "$pid $start" = "$me" ]; then rm "$1"; else note overlap "\${1##*.} $pid $whose"; fi
}
note start
for lock; do take "$TRACE_FILE.$lock"; done
echo "deploying $TWINHOOK_SHA"
if [ -e "$TRACE_FILE.takes.$TWINHOOK_RUN_ID" ]; then
  read -r seconds < "$TRACE_FILE.takes.$TWINHOOK_RUN_ID"
  sleep "$seconds"
elif [ $((TWINHOOK_RUN_ID % 41)) = 0 ]; then sleep 0.4; else sleep 0.0$((TWINHOOK_RUN_ID % 7)); fi
for lock; do give "$TRACE_FILE.$lock"; done
note end
if [ -e "$TRACE_FILE.fails.$TWINHOOK_RUN_ID" ]; then exit 1; fi
`;

/** A line that the script wrote. */
export interface ScriptLine {
  what: "start" | "end" | "overlap";
  deployment: string;
  attempt: number;
  runId: number;
  target: string;
  /** Which process it was: pid and start time. */
  process: string;
  text: string;
}

/** Reads what the commands noted so far, in the order in which they wrote it. */
export function readScriptTrace(file: string): ScriptLine[] {
  return readFileSync(file, "utf8").split("\n").filter(Boolean).map(parseScriptLine);
}

function parseScriptLine(text: string): ScriptLine {
  const [what = "", deployment = "", attempt, runId, , , target = "", pid, began] = text.split(" ");
  return {
    what: what as ScriptLine["what"],
    deployment,
    attempt: Number(attempt),
    runId: Number(runId),
    target,
    process: `${pid} ${began}`,
    text,
  };
}

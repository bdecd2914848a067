/** How long a button says what came of it. */
const SAID_MS = 2_000;
const LABEL = "Copy";

/** Lets buttons copy the text that they hold. The document listens, since regions are replaced. */
export function serveCopying(): void {
  document.addEventListener("click", ({ target }) => {
    const button = (target as Element).closest<HTMLElement>("button[data-copy]");
    if (!button) return;
    void copied(button.dataset.copy ?? "").then((done) => {
      button.textContent = done ? "Copied" : "Not copied";
      setTimeout(() => {
        button.textContent = LABEL;
      }, SAID_MS);
    });
  });
}

/** Whether the text is in the clipboard now. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Browsers have no clipboard for a page that came by http, unless it is of this machine.
    return copiedByCommand(text);
  }
}

function copiedByCommand(text: string): boolean {
  const field = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  const focused = document.activeElement as HTMLElement | null;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return done;
}

/** Opens a dialog for every button that names one, and calls the API after confirmation. */
export function serveDialogs(csrfToken: string): void {
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLElement>("[data-dialog]") : null;
    const dialog = button && document.getElementById(button.dataset.dialog ?? "");
    if (dialog instanceof HTMLDialogElement) dialog.showModal();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const call = form.dataset.call;
    const dialog = form.closest("dialog");
    if (call === undefined || !dialog) return;
    // "Leave it" only closes the dialog; the browser does that.
    if (event.submitter && "close" in event.submitter.dataset) return;
    event.preventDefault();
    void confirm(form, call, csrfToken).then((problem) => {
      const place = form.querySelector<HTMLElement>('[role="alert"]');
      if (place) {
        place.hidden = problem === null;
        place.textContent = problem;
      }
      if (problem === null) dialog.close();
    });
  });
}

/** Calls the API. Returns null on success, else the problem in words. */
async function confirm(form: HTMLFormElement, call: string, csrfToken: string): Promise<string | null> {
  const [method = "POST", path = "/"] = call.split(" ");
  const fields = Object.fromEntries(
    [...new FormData(form)]
      .filter(([, value]) => value !== "")
      .map(([name, value]) => [name, value === "true" ? true : value]),
  );
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  try {
    const answer = await fetch(path, {
      method,
      headers: { "x-csrf-token": csrfToken, "content-type": "application/json" },
      ...(method !== "DELETE" && { body: JSON.stringify(fields) }),
    });
    if (answer.ok) return null;
    const { detail } = (await answer.json()) as { detail?: string };
    return detail ?? `The instance answered ${answer.status}.`;
  } catch {
    return "This instance does not answer. Open the page at another one, and do it there.";
  } finally {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
}

/**
 * Shows the question of a button in a dialog above the page. Without this script, the question is a page of
 * its own.
 */
document.addEventListener("click", async (event) => {
  const link = (event.target as Element).closest<HTMLAnchorElement>("a[data-ask]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { accept: "text/html" } });
    const question = new DOMParser()
      .parseFromString(await answer.text(), "text/html")
      .querySelector("form[data-question]");
    if (!answer.ok || answer.redirected || !question) throw new Error("no question");
    show(question, link);
  } catch {
    location.href = link.href;
  }
});

function show(question: Element, opener: HTMLElement): void {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "question-title");
  question.classList.remove("box");
  dialog.append(question);
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener.focus();
  });
  dialog.querySelector("[data-close]")?.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.close();
  });
  dialog.showModal();
}

export {};

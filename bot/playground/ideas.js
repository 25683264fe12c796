/* What to try: a press puts it into the box, as if it had been typed; Enter sends it. */
const box = document.getElementById("channel-composer-input");
const drawer = document.getElementById("drawer-scrim");

document.querySelector(".ideas").addEventListener("click", ({ target }) => {
  const idea = target.closest("[data-command]");
  if (!idea) return;
  if (!drawer.hidden) drawer.click();
  document.querySelector(".command-context-close")?.click();
  box.value = `/${idea.dataset.command}`;
  box.focus();
  box.dispatchEvent(new Event("input", { bubbles: true }));
  const offered = [...document.querySelectorAll(".command-entry")];
  offered.find((entry) => entry.querySelector("strong").textContent === box.value)?.click();
  const field = document.querySelector(".command-option-input");
  if (!field) {
    const closing = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
    return document.activeElement.dispatchEvent(closing); // the list of options, so that Enter sends
  }
  if (!idea.dataset.words) return;
  field.value = idea.dataset.words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

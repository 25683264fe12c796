/* What to try: a press puts it into the box, as if it had been typed; Enter sends it. */
const box = document.getElementById("channel-composer-input");
const drawer = document.getElementById("drawer-scrim");

const isLoading = () => document.querySelector(".command-empty")?.textContent === "Loading commands";

function type(text) {
  box.value = text;
  box.focus();
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

document.querySelector(".ideas").addEventListener("click", ({ target }) => {
  const idea = target.closest("[data-command]");
  if (!idea) return;
  const wasInDrawer = !drawer.hidden;
  if (wasInDrawer) drawer.click();
  document.querySelector(".command-context-close")?.click();
  type(`/${idea.dataset.command}`);
  const offered = [...document.querySelectorAll(".command-entry")];
  const entry = offered.find((one) => one.querySelector("strong").textContent === box.value);
  const hint = idea.closest("ul").previousElementSibling;
  hint.classList.remove("is-due");
  if (!entry && isLoading()) return setTimeout(() => idea.click(), 50);
  if (!entry) { // it is a moderator's, and this member is none
    hint.classList.add("is-due");
    type("");
    if (wasInDrawer) document.getElementById("messages-toggle").click();
    return;
  }
  entry.click();
  const field = document.querySelector(".command-option-input");
  if (!field) {
    const closing = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
    return document.activeElement.dispatchEvent(closing); // the list of options, so that Enter sends
  }
  if (!idea.dataset.words) return;
  field.value = idea.dataset.words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

/* What to try: a press puts it into the box, as if it had been typed; Enter sends it. */
const box = document.getElementById("channel-composer-input");
const drawer = document.getElementById("drawer-scrim");

const isLoading = () => document.querySelector(".command-empty")?.textContent === "Loading commands";

function type(text) {
  box.value = text;
  box.focus();
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

/* The list of options closes, so that Enter sends. */
function closeList() {
  const closing = new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true });
  document.activeElement.dispatchEvent(closing);
}

/* From the lists that open: an option of the command, then one of its values. */
function choose([value, ...others], tries = 60) {
  const item = document.querySelector(`.command-suggestion[data-value="${value}"]`);
  item?.click();
  const left = item ? others : [value, ...others];
  if (!tries) return;
  requestAnimationFrame(() => {
    if (left.length) choose(left, tries - 1);
    else if (document.querySelector(".command-suggestion")) closeList();
  });
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
  if (idea.dataset.options) return choose(idea.dataset.options.split(" "));
  const field = document.querySelector(".command-option-input");
  if (!field) return closeList();
  if (!idea.dataset.words) return;
  field.value = idea.dataset.words;
  field.dispatchEvent(new Event("input", { bubbles: true }));
});

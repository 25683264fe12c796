/* What screen readers are told, where SimCord's page says it in a way they do not take. */
const composer = document.getElementById("channel-composer");

/* A text box has no "expanded"; what opens a list of options is a combo box; and a list has a name and takes focus. */
function mend() {
  composer.querySelector("textarea")?.removeAttribute("aria-expanded");
  for (const opener of composer.querySelectorAll(".command-ghost:not([role])")) {
    opener.setAttribute("role", "combobox");
    opener.setAttribute("aria-label", `Options: ${opener.textContent}`);
    if (!opener.hasAttribute("aria-expanded")) opener.setAttribute("aria-expanded", "false");
  }
  for (const list of composer.querySelectorAll("[role=listbox]:not([tabindex])")) {
    if (!list.hasAttribute("aria-label")) list.setAttribute("aria-label", "Suggestions");
    list.tabIndex = 0;
  }
}
const watched = { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-expanded"] };
new MutationObserver(mend).observe(composer, watched);
mend();

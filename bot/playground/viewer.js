/* A window that is loaded again acts as the same member as before; each window has a member of its own. */
const KEY = "viewer";
const app = document.getElementById("preview-app");
const picker = document.getElementById("viewer-picker");
let isRestored = false;

function restore() {
  if (isRestored || !picker.options.length || app.getAttribute("aria-busy") !== "false") return;
  isRestored = true;
  const before = sessionStorage.getItem(KEY);
  if (before === null || before === picker.value) return;
  if (![...picker.options].some(({ value }) => value === before)) return;
  picker.value = before;
  picker.dispatchEvent(new Event("change"));
}

/* Captured: SimCord empties the picker when it hears of the change. */
picker.addEventListener("change", () => sessionStorage.setItem(KEY, picker.value), true);
new MutationObserver(restore).observe(app, { attributeFilter: ["aria-busy"] });
new MutationObserver(restore).observe(picker, { childList: true });
restore();

/* Darkroom playground: follows the newest message as a chat does, and says when nobody answers. */
const timeline = document.getElementById("channel-timeline");
const status = document.getElementById("action-status");
const notice = document.getElementById("playground-notice");
const NEAR_PX = 60;

let follows = true;
const follow = () => { if (follows) timeline.scrollTop = timeline.scrollHeight; };
const look = () => requestAnimationFrame(() => {
  follows = timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight < NEAR_PX;
});
for (const name of ["wheel", "touchmove", "pointerup", "keyup"]) timeline.addEventListener(name, look, { passive: true });

/* Enter sends, and while an answer is still on its way it sends a moment later: nothing typed is dropped. */
const composer = document.getElementById("channel-composer");
const send = () => { follows = true; follow(); };
const isBusy = () => Boolean(window.simcordPreview.pendingAction);
function sendWhenFree() {
  if (isBusy()) setTimeout(sendWhenFree, 50);
  else composer.requestSubmit();
}
composer.addEventListener("click", ({ target }) => { if (target.closest("#send-message")) send(); }, true);
/* A command whose options are all left out is sent by Enter; an option is picked by the arrows first, or by Tab. */
let isChoosing = false;
const offered = () => composer.querySelector(".command-popup:not([hidden]) .command-suggestion-ellipsis");
composer.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") isChoosing = ["ArrowDown", "ArrowUp"].includes(event.key);
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (offered() && !isChoosing) {
    event.target.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true }));
  }
  isChoosing = false;
  send();
  if (!isBusy() || composer.querySelector(".command-popup:not([hidden])")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  sendWhenFree();
}, true);
new ResizeObserver(follow).observe(document.getElementById("channel-message-list"));
new ResizeObserver(follow).observe(timeline);

const ADDRESS = "open the address that “make demo” printed last, the whole of it, with everything behind the #.";
const app = document.getElementById("preview-app");
const isOpen = () => Boolean(window.simcordPreview.contextId);
const isLost = () => /interrupted|ended|closed|unavailable/.test(status.textContent);
const isUncertain = () => /uncertain/.test(status.textContent);
function trouble() {
  if (!location.hash) return `To enter the playground, ${ADDRESS}`;
  if (!isOpen() && app.getAttribute("aria-busy") === "false") return `No playground answers at this address: ${ADDRESS}`;
  if (isUncertain()) return "What became of the last action is not known. Reload this page to go on.";
  if (!isLost()) return "";
  return `The playground does not answer. If it was stopped, start it again with “make demo”, and ${ADDRESS}`;
}
function tell() {
  const text = trouble();
  if (notice.textContent !== text) notice.textContent = text;
  notice.hidden = !text;
}
new MutationObserver(tell).observe(status, { childList: true, characterData: true, subtree: true });
new MutationObserver(tell).observe(app, { attributeFilter: ["aria-busy"] });
tell();

/* A button that a preview drew anew between press and release was pressed all the same. */
const buttonAt = ({ target }) => target.closest("button[data-control-key]");
let pressed = null;
timeline.addEventListener("pointerdown", (event) => { pressed = buttonAt(event); });
timeline.addEventListener("dragstart", (event) => { if (pressed) event.preventDefault(); });  // a picture came below it
timeline.addEventListener("pointerup", (event) => {
  const button = buttonAt(event);
  if (pressed && !pressed.isConnected && button?.dataset.controlKey === pressed.dataset.controlKey) button.click();
  pressed = null;
});

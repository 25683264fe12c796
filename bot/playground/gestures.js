/* Reactions, and "Apps", on a message with pictures: what Discord has at a message's corner. */
const list = document.getElementById("channel-message-list");
const buttons = document.getElementById("playground-gestures").content;

const WITHOUT = ".channel-message:has(.message-attachments, .component-gallery):not(:has(.message-ephemeral-note, [data-gesture]))";

function offer() {
  for (const corner of list.querySelectorAll(`${WITHOUT} .message-context-actions`)) corner.prepend(buttons.cloneNode(true));
}

list.addEventListener("click", ({ target }) => {
  const gesture = target.closest("[data-gesture]");
  if (!gesture) return;
  gesture.closest("details")?.removeAttribute("open");
  fetch("/api/action", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-Simcord-Capability": location.hash.slice(1),
      "X-Simcord-Context": window.simcordPreview.contextId,
    },
    body: JSON.stringify({
      kind: gesture.dataset.gesture,
      name: gesture.dataset.name,
      target_id: gesture.closest(".channel-message").dataset.messageId,
    }),
  });
});
function close(except) {
  for (const opened of list.querySelectorAll(".apps[open]")) if (opened !== except) opened.open = false;
}
document.addEventListener("pointerdown", ({ target }) => close(target.closest(".apps")));
document.addEventListener("keydown", ({ key }) => { if (key === "Escape") close(); });
new MutationObserver(offer).observe(list, { childList: true, subtree: true });
offer();

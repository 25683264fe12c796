/* A picture gives way to the next one when that has been loaded: the page neither flickers nor jumps. */
document.addEventListener("load", ({ target }) => {
  if (target.matches?.(".attachment-image")) target.classList.toggle("is-tall", target.naturalHeight > target.naturalWidth);
}, true);

const isThere = (image) => image.complete && image.naturalWidth > 0;

function keep(message, removed) {
  const [next] = message.querySelectorAll(".attachment-image, .gallery-image");
  const shown = removed.flatMap((node) => [...(node.querySelectorAll?.(".attachment-image, .attachment-before") ?? [])]);
  const before = shown.findLast(isThere);
  if (!before || !next || isThere(next) || next.closest(".spoiler-content")) return;
  before.className = "attachment-before";
  next.closest(".attachment-media, .component-gallery").prepend(before);
  next.addEventListener("load", () => before.remove(), { once: true });
}

new MutationObserver((changes) => {
  for (const { target, removedNodes } of changes) {
    if (removedNodes.length && target.matches(".channel-message")) keep(target, [...removedNodes]);
  }
}).observe(document.getElementById("channel-message-list"), { childList: true, subtree: true });

/* A picture gives way to the next one when that has been loaded: the page neither flickers nor jumps. */
document.addEventListener("load", ({ target }) => {
  if (target.matches?.(".attachment-image")) target.classList.toggle("is-tall", target.naturalHeight > target.naturalWidth);
}, true);

const isThere = (image) => image.complete && image.naturalWidth > 0;

/* Called while a message is drawn anew, so that whoever measures the page next finds it as high as before. */
export function keepPictures(message, removed) {
  const before = ".attachment-image, .gallery-image, .attachment-before";
  const shown = removed.flatMap((node) => [...(node.querySelectorAll?.(before) ?? [])]).filter(isThere);
  const pictures = [...message.querySelectorAll(".attachment-image, .gallery-image")];
  const isFirstAlbum = shown.length < pictures.length;  // one preview stands for all of its pictures
  for (const [index, next] of pictures.entries()) {
    const last = shown[index];
    if (!last) return;
    if (isThere(next) || next.closest(".spoiler-content")) continue;
    last.className = "attachment-before";
    const gallery = isFirstAlbum ? next.closest(".component-gallery") : null;
    (gallery ?? next.closest(".attachment-media, figure"))?.prepend(last);
    next.addEventListener("load", () => last.remove(), { once: true });
  }
}

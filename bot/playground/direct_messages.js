/* The direct messages the bot sent to the member of this page: ✉️ opens them, and a new one opens them by itself. */
import { appendMarkdownOrText } from "/text.js";

const panel = document.getElementById("direct-messages");
const list = panel.querySelector("ol");
const opener = document.getElementById("direct-messages-open");
let member = null;
let known = "";

function url({ content, type }) {
  const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type }));
}

function picture(file) {
  const image = Object.assign(new Image(), { src: url(file), alt: file.description });
  if (!file.name.startsWith("SPOILER_")) return image;
  const hidden = document.createElement("details");
  hidden.append(Object.assign(document.createElement("summary"), { textContent: "Spoiler" }), image);
  return hidden;
}

function link(file) {
  return Object.assign(document.createElement("a"), { href: url(file), download: file.name, textContent: file.name });
}

function drawn({ content, tokens, files }) {
  const item = document.createElement("li");
  appendMarkdownOrText(item, content, tokens);
  item.append(...files.map((file) => (file.type.startsWith("image/") ? picture(file) : link(file))));
  return item;
}

function open() {
  panel.open = true; // show() would take the focus from somebody who types
  opener.setAttribute("aria-expanded", "true");
  list.scrollTop = list.scrollHeight;
}

function close() {
  panel.close();
  opener.setAttribute("aria-expanded", "false");
}

function take({ detail: { viewerId, directMessages } }) {
  const keys = Object.keys(directMessages).join();
  if (viewerId === member && keys === known) return;
  const isNew = viewerId === member && keys !== "";
  [member, known] = [viewerId, keys];
  for (const { src, href } of list.querySelectorAll("img, a[download]")) URL.revokeObjectURL(src ?? href);
  list.replaceChildren(...Object.values(directMessages).map(drawn));
  opener.hidden = keys === "";
  if (isNew) open();
  else close();
}

opener.addEventListener("click", () => (panel.open ? close() : open()));
panel.querySelector("button").addEventListener("click", () => { close(); opener.focus(); });
panel.addEventListener("keydown", ({ key }) => { if (key === "Escape") { close(); opener.focus(); } });
document.addEventListener("playground-read", take);

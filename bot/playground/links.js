/* A link to a message of this channel leads there, and not to discord.com. */
const form = document.getElementById("message-exact-form");

document.getElementById("channel-timeline").addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='https://discord.com/channels/']");
  if (!link) return;
  event.preventDefault();
  const id = link.pathname.split("/").at(-1);
  const message = document.querySelector(`[data-message-id="${CSS.escape(id)}"]`);
  if (message) return message.scrollIntoView({ block: "start" });
  form.querySelector("input").value = id;
  form.requestSubmit();
});

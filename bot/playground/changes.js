/* Reads what changed on the page since it was last read, and puts it beside what did not. */
let here = null;

export async function readChanges(request, context, signal) {
  const before = here?.context.id === context ? here : { publishedRevision: 0, messages: {}, assets: {}, directMessages: {} };
  const next = await request(`/api/state?since=${before.publishedRevision}`, "GET", undefined, context, signal);
  for (const [part, keys] of Object.entries(next.kept ?? {})) {
    next[part] = Object.fromEntries(keys.map((key) => [key, next[part][key] ?? before[part][key]]));
  }
  delete next.kept;
  document.dispatchEvent(new CustomEvent("playground-read", { detail: next }));
  return here = next;
}

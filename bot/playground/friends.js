/* "Bring friends": four scripted members join and take part. */
const bring = document.getElementById("bring-friends");

bring.addEventListener("click", async () => {
  bring.disabled = true;
  const { ok } = await fetch("/api/action", {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-Simcord-Capability": location.hash.slice(1),
      "X-Simcord-Context": window.simcordPreview.contextId,
    },
    body: JSON.stringify({ kind: "friends" }),
  });
  bring.disabled = ok;
  if (ok) bring.textContent = "kim, lou, nia and sam are here";
});

/* "in 57 seconds" goes on counting while nothing else changes, as in Discord. */
const UNITS = [["second", 1, 60], ["minute", 60, 3600], ["hour", 3600, 86400], ["day", 86400, 604800], ["week", 604800, Infinity]];
const words = new Intl.RelativeTimeFormat("en-US", { numeric: "auto" });

function count() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const seconds = (new Date(time.dateTime) - Date.now()) / 1000;
    const [unit, length] = UNITS.find(([, , below]) => Math.abs(seconds) < below);
    const text = words.format(Math.round(seconds / length), unit);
    if (time.textContent !== text) time.textContent = text;
  }
}
setInterval(count, 1000);

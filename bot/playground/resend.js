/* Sends an action of the page again until an answer comes: SimCord runs one with a known request id only once. */
const PAUSE_MS = 250;

export async function sendUntilAnswered(send) {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if ("status" in error) throw error; /* an answer, though a refusal; without one the connection was lost */
    }
    await new Promise((wake) => setTimeout(wake, PAUSE_MS));
  }
}

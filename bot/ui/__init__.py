"""How Darkroom looks on Discord: custom ids, buttons, texts and the one reply of a job."""

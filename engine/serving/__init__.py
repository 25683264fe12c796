"""The engine's asyncio side: requests wait, are dispatched to devices, and report back."""

"""Operation by the host: `darkroom check`, health, metrics, periodic housekeeping, invite link."""

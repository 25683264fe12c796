"""What happens at each denoising step: progress, x0, latents as colours."""

"""The LoRAs the host offers: files in a folder and in the settings, with what is known of each. Torch-free."""

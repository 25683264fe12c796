"""How a picture of another program was made, read from the words inside its file. Torch-free."""

"""Where the image tokens of a prompt lie in the original pictures, one module a way to cut them."""

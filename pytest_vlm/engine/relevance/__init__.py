"""Which parts of the pictures an answer rests on: the methods, and the maps made of them."""

"""How an image is made: each file is one concept, `making` puts them together."""

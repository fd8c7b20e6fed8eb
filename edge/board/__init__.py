"""The machine below the box: what it is, what it has, and what can be done with that."""

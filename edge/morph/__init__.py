"""What decides by the elements of an object, and what changes them on the way out."""

"""What the box sends on: which destination an object goes to, and the work of bringing it there."""

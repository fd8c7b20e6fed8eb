"""What the box knows about itself: who connected, what came of it, how it does, and how the machine below it does."""

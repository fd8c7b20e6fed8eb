"""What an operator does with the box: every action once, and the skins over them."""

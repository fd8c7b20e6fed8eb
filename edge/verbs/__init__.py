"""Every action of an operator on a box, once: what the web, the serial line and the command line ask for by name."""

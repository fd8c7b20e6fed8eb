"""The box on a serial line: numbered menus of at most 24 lines of 80 characters, for any terminal, or for none."""

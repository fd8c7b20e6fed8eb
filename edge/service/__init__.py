"""The running box: every room wired together, and the way in from the command line."""

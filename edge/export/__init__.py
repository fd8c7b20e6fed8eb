"""Studies of the spool made into volumes: chosen, changed where that is asked for, laid out, written, compared."""

"""File-sets on media that any hospital reads: directories, profiles, checks, and what is written to volumes."""

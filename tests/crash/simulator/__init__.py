"""A disk that is cut off at every point: what it did is recorded, and what a power cut may leave of that is built.

recording   a Disk that does what it is told, and writes down each change in the order in which they were made
states      from such a record, cut anywhere: every tree of files that a file system may show afterwards
scripts     what is done with a spool while it is recorded: receive, commit, deliver, remove, close
judge       a spool opened on such a tree, held against what had been promised up to the cut
sweep       cuts everywhere, builds, judges: exhaustively or by chance
mutations   syncs left out, and steps in the wrong order: what all this has to find
"""

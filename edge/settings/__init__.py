"""The configuration as a document: edited in place, with its history, tried before it stays, backed up, restored."""

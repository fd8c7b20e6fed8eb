"""The web console: the verbs as pages for a person with a browser."""

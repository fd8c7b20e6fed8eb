"""The roles of those who ask the box for something. Each may do what those before it may."""

VIEWER, OPERATOR, ENGINEER = "viewer", "operator", "engineer"
ROLES = (VIEWER, OPERATOR, ENGINEER)

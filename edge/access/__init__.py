"""Who may: users, sessions and tokens, the first claim, what was changed by whom, and the secrets of the box itself."""

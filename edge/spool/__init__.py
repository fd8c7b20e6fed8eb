"""The spool: what was received is durable before it is acknowledged, and goes to every destination that wants it."""

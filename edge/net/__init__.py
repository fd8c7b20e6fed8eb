"""Sockets around the sans-IO protocol: who may come in, how bytes reach the spool, and how they leave again."""

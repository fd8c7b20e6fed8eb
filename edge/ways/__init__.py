"""The ways to destinations: made from the configuration, tested layer by layer, looked at while somebody watches."""

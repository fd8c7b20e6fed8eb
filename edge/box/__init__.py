"""The appliance as a whole: its configuration."""

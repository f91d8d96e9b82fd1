"""DW4xx: items."""

"""DW2xx: indexes."""

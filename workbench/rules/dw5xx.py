"""DW5xx: traffic and cost."""

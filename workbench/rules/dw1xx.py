"""DW1xx: keys."""

"""DW3xx: access patterns."""

"""DW6xx: security."""

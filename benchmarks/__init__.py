"""What the workbench promises about speed, measured: `make bench` runs it and writes RESULTS.md."""

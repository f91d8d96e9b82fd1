"""Defaults: the seed and the clock that stand where none is given. Fixed, so that no result depends on the day."""

DEFAULT_SEED = 7
DEFAULT_NOW = 1_767_225_600  # 2026-01-01T00:00:00Z

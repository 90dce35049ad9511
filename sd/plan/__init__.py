"""Grid, cell, recipe, schedule, cost: what is to be trained, as pure data (no torch, no I/O but reading YAML)."""

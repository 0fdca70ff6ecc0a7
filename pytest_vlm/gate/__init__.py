"""The gate: what was planned, what came back, and one verdict a candidate."""

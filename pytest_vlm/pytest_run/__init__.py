"""One pytest run: what it plans, what comes back, and the gate at its end."""

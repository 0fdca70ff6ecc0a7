"""Files that may be anything: read without running, and refused by name where they are wrong."""

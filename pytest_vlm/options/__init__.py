"""Everything that can be set, on the command line and in the ini file."""

"""The command line: one module for each group of commands, joined in ``app``."""

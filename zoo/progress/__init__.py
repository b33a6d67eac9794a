"""What is said while work goes on, by the command line and from Python: bars with the modes covered, a line for each cell."""

"""The zoo from Python, in a notebook too, where what is returned shows its table, its verdict and its picture."""

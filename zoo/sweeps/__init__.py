"""Many cells: which there are, who trains them and where (this machine, Slurm, Ray), what became of them."""

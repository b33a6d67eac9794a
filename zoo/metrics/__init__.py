"""The metrics of the literature, one file per family: pure functions ``[S, N, d] -> [S]``.

``zoo.metrics.spec`` declares every metric (direction, range, source, the value of a perfect and of a collapsed
sampler) in one place. Importing this package or that file imports no torch.
"""

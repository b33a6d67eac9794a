"""Variants, data sets and metrics of your own: found, checked against the contract, and begun (``zoo new-variant``)."""

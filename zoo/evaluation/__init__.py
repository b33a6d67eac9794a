"""Samples judged: the metrics on samples of any origin, beside reference samplers, with a verdict in words."""

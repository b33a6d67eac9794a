"""How a round is played: traced to a straight line, cleaned, compiled, kept as a CUDA graph; and which of these a run gets (``choice``)."""

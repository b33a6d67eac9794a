"""Speed and memory, side by side with plain PyTorch; ratios of CPU time, never asserted as seconds."""

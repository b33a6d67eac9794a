"""One run: names to settings (``cell``), settings to a folder of results (``session``), and what can be had from that folder afterwards."""

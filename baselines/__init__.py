"""What a run is held against: recipes (tuned settings and published protocols), reference samplers, published and recorded results."""

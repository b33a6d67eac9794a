"""Kits: families of networks for data of one shape. A recipe names a kit; a variant asks it for parts."""

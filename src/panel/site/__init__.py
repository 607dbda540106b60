"""The static site: pages, feeds and pictures, made from a publication alone."""

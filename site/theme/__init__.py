"""Templates, style and script of the site."""

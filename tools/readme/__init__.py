"""Generate the tables of the README and other pages from the committed results and benchmarks."""

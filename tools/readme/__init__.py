"""Write the tables of the README and of the other pages, from committed results and benchmarks."""

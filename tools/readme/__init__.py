"""Write the tables of README.md from the results and the benchmarks that are committed."""

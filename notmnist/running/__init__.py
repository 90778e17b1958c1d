"""Execute notebooks: here, or on the machines of a cluster."""

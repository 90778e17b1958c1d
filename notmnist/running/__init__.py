"""Execute notebooks on this machine or on a cluster."""

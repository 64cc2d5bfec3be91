"""Files, standard input and interfaces, as batches of packets."""

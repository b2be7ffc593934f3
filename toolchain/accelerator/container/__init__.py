"""What a build hands over for a machine: programs for every batch, and the weights they share."""

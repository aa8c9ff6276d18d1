"""A picture of a network's channel graph."""

"""A multipartite graph in the forms that other libraries and files have for graphs."""

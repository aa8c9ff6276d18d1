"""Formats of masks: containers turn files into tensors, layouts find the masks among them.

Adding a container or a layout is one file and one line of `registry`.
"""

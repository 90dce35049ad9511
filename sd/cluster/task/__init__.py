"""What one task does. Of this package's house, this room alone trains and measures."""

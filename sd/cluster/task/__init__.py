"""What one task does; of ``sd.cluster`` this room alone trains and measures."""

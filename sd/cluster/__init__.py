"""Where tasks run: on this machine or on a cluster, with the same plan."""

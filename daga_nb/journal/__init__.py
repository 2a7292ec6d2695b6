"""What outlives the kernel: the durable story of runs, and the values in it as text."""

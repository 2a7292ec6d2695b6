"""Makes it happen, on asyncio: the one loop of a run, how an action is called, planned faults."""

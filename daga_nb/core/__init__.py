"""The pure core: states, events, the plan and the machine. No asyncio, no clock, no I/O, no Jupyter."""

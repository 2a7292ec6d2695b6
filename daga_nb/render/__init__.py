"""Pictures without Jupyter: the look of the states, the layout of a plan, static pictures and timelines."""

"""Sketches: a flow from one line of text, to be run, stepped and broken before there is any code."""

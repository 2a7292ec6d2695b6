"""Looking into a run: what holds it back, and what lets it go on."""

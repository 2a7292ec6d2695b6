"""What a browser shows of a run, with a kernel behind it or without: no Jupyter in here."""

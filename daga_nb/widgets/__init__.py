"""The notebook front-end: the live graph (`canvas`) and the laboratory (`lab`). Nothing else imports it."""

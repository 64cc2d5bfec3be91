"""The report as one page of HTML that needs nothing else: no server, no other file, no network."""

"""Captures to try the analyzer on, and the builders they come from. Nothing here is random: same code, same bytes."""

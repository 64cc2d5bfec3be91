"""The demo with which a generation learnt WebSocket: a page in a browser sends a line, an echo server returns it."""

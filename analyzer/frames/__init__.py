"""WebSocket frames out of ordered bytes: headers, unmasking, UTF-8."""

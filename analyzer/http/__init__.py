"""The opening handshake: lenient HTTP/1.1 heads, their pairing, and the byte where frames begin."""

"""Key log, TLS records, decrypted bytes."""

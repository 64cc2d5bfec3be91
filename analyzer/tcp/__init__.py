"""Link layer, IP and TCP: packets in, ordered byte chunks and gaps out, per connection and direction."""

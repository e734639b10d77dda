"""What pages cost: in the browser of a slow phone, and at the server."""

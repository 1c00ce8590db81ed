"""The only door: routes, sockets, feed."""

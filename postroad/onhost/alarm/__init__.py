"""Root is told by mail what is down."""

"""Stand-ins for the interfaces of DNS providers, as far as octoDNS uses them.

Each refuses what its provider's documentation says is refused. They are reached by their own names,
through a door (a proxy that ends TLS), so that octoDNS runs with the configuration that people use.
"""

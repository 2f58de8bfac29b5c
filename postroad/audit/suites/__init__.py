"""What must be true on a host, one module a family.

Each check is a pure function from `postroad.audit.audited.Audited` to its faults, and a test of
the same name that calls it. Expected values come from the model, never from here.
"""

"""What the operator declares: the model, its reader and its faults."""

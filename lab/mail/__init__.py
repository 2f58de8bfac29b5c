"""Mail of the lab's shop: what is declared, written and handed in, and what became of it."""

"""A lab's life: how it is born, brought up and taken down, and how it is seen while it runs."""

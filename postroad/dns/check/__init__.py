"""What the world sees of an estate's names, evaluated as receivers do: ok, wrong or unknown."""

"""What programs and questions share. It knows none of them."""

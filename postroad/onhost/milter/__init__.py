"""postroad's own milter, behind a stream's signer."""

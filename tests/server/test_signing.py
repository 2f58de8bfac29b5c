"""Each signer signs what its stream may send so that the world can verify it, and nothing else."""

from postroad.audit.suites.signing import (
    test_keys_are_there_and_private,
    test_nothing_is_let_out_unsigned,
    test_signatures_verify,
    test_signers_sign,
    test_strangers_are_not_signed,
)

__all__ = [
    "test_keys_are_there_and_private",
    "test_nothing_is_let_out_unsigned",
    "test_signatures_verify",
    "test_signers_sign",
    "test_strangers_are_not_signed",
]

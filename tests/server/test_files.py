"""Every file and folder of the manifest is as the model renders it for this host."""

from postroad.audit.suites.files import (
    test_activations_are_finished,
    test_files_are_as_declared,
    test_folders_above_are_root_s,
)

__all__ = [
    "test_activations_are_finished",
    "test_files_are_as_declared",
    "test_folders_above_are_root_s",
]

"""A hundred replacements of the driver under uploads, in 64 MiB of memory."""

from harness import Machine
from replacing import a_hundred_replacements


def test_a_hundred_replacements_under_a_transfer():
    with Machine("replace-upload") as guest:
        guest.wait_for_network()
        a_hundred_replacements(guest, "upload")

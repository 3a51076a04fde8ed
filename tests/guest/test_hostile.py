"""A process that makes a million random system calls with random arguments; the rest keeps serving."""

from harness import Machine, assert_healthy
from transfers import download, guest_sum

MEBI = 1 << 20


def test_the_rest_keeps_serving():
    with Machine("hostile") as guest:
        guest.wait_for_network()
        guest.console.send("run hostile 1000000 1\n")
        served = 0
        while served < 3:
            served += 1
            transfer = download(guest, MEBI, served)
            hashed = transfer.finish()
            assert transfer.size == MEBI and hashed
        guest.console.until_prompt(800)
        assert_healthy(guest)
        assert download(guest, MEBI, 1).finish() == guest_sum(guest, MEBI, 1)

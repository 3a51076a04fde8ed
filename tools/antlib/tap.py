"""A wire between this process and guests: a tap device in a network namespace of its own. Needs root and iproute2.

    with tap.Wire() as wire:           # this thread is in the namespace, and what it starts; 10.0.2.2 is its address
        ... "-netdev", wire.netdev ...

The addresses are those of QEMU's user network, so that a guest need not know on which of the two it is.
"""

import ctypes
import os
import subprocess

from antlib.progress import Failure

HOST_ADDRESS, GUEST_ADDRESS = "10.0.2.2", "10.0.2.15"
CLONE_NEWNET = 0x40000000
NAME = "ant0"


def possible() -> bool:
    return os.geteuid() == 0 and os.path.exists("/dev/net/tun")


class Wire:
    netdev = f"tap,id=net0,ifname={NAME},script=no,downscript=no"

    def __enter__(self):
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.system_call("unshare", CLONE_NEWNET)
        try:
            for line in (f"tuntap add dev {NAME} mode tap", f"addr add {HOST_ADDRESS}/24 dev {NAME}", f"link set {NAME} up", "link set lo up"):
                subprocess.run(["ip", *line.split()], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            self.__exit__()
            raise Failure(f"no tap device: {error}") from None
        return self

    def __exit__(self, *_error):
        """The namespace goes with the last process in it."""
        self.system_call("setns", self.outside, CLONE_NEWNET)
        os.close(self.outside)

    @staticmethod
    def system_call(name: str, *arguments) -> None:
        if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
            raise Failure(f"{name}: {os.strerror(ctypes.get_errno())}")

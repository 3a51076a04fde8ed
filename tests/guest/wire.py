"""Raw Ethernet frames to and from the guest's card: a peer of the test on the same segment."""

import os
import queue
import socket
import struct
import threading
import time

GUEST_MAC = bytes.fromhex("525400123456")
OWN_MAC = bytes.fromhex("5254000000aa")
OWN_IP = bytes([10, 0, 2, 77])
SEND_PATIENCE = 60  # seconds
BROADCAST = b"\xff" * 6
ARP, IPV4 = 0x0806, 0x0800
ICMP, TCP, UDP = 1, 6, 17


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(payload: bytes, kind: int = IPV4, destination: bytes = GUEST_MAC) -> bytes:
    return destination + OWN_MAC + struct.pack("!H", kind) + payload


def ipv4(payload: bytes, protocol: int, target: bytes, source: bytes = OWN_IP, ident: int = 1, fragment: int = 0,
         length: int | None = None, bad_checksum: bool = False, version: int = 0x45) -> bytes:
    total = 20 + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH4s4s", version, 0, total & 0xFFFF, ident & 0xFFFF, fragment, 64, protocol, 0, source, target)
    code = checksum(head) ^ (0x5555 if bad_checksum else 0)
    return head[:10] + struct.pack("!H", code) + head[12:] + payload


def with_pseudo_header(segment: bytes, protocol: int, source: bytes, target: bytes) -> int:
    return checksum(source + target + struct.pack("!BBH", 0, protocol, len(segment)) + segment)


def udp(payload: bytes, port: int, target: bytes, own_port: int = 4000, source: bytes = OWN_IP) -> bytes:
    head = struct.pack("!HHHH", own_port, port, 8 + len(payload), 0)
    code = with_pseudo_header(head + payload, UDP, source, target) or 0xFFFF
    return head[:6] + struct.pack("!H", code) + payload


def tcp(port: int, target: bytes, flags: int, own_port: int = 4000, sequence: int = 1, payload: bytes = b"",
        source: bytes = OWN_IP, offset: int = 5, acknowledgement: int = 0) -> bytes:
    segment = struct.pack("!HHIIBBHHH", own_port, port, sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF, offset << 4, flags, 8192, 0, 0) + payload
    code = with_pseudo_header(segment, TCP, source, target)
    return segment[:16] + struct.pack("!H", code) + segment[18:]


def icmp_echo(ident: int, sequence: int, payload: bytes = b"") -> bytes:
    head = struct.pack("!BBHHH", 8, 0, 0, ident, sequence)
    return head[:2] + struct.pack("!H", checksum(head + payload)) + head[4:] + payload


def arp(operation: int, target_mac: bytes, target_ip: bytes) -> bytes:
    return struct.pack("!HHBBH6s4s6s4s", 1, IPV4, 6, 4, operation, OWN_MAC, OWN_IP, target_mac, target_ip)


def dhcp_answer(frame: bytes, guest_ip: bytes) -> bytes | None:
    """OFFER or ACK for a DHCP message of the guest, as an IP packet."""
    message = frame[42:]
    options = message[240:]
    kind = options[options.index(b"\x35\x01") + 2]
    answer_kind = {1: 2, 3: 5}.get(kind)
    if answer_kind is None:
        return None
    head = bytes([2, 1, 6, 0]) + message[4:8] + bytes(8) + guest_ip + OWN_IP + bytes(4) + message[28:44] + bytes(192)
    answer = (head + b"\x63\x82\x53\x63" + bytes([53, 1, answer_kind, 54, 4]) + OWN_IP + b"\x33\x04\x00\x01\x00\x00"
              + b"\x01\x04\xff\xff\xff\x00\x03\x04" + OWN_IP + b"\xff")
    return ipv4(udp(answer, 68, b"\xff" * 4, own_port=67), UDP, b"\xff" * 4)


class Wire:
    """A thread reads all the time, so that nothing piles up in QEMU; it answers ARP for our address,
    and DHCP if we are alone with the guest."""

    def __init__(self, machine, guest_ip: bytes = bytes([10, 0, 2, 15])):
        self.guest_ip = guest_ip
        self.serves_dhcp = machine.raw_wire == "alone"
        self.peer = f"{machine.sockets}/wire-qemu"
        self.path = f"{machine.sockets}/wire-test"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(0.2)
        self.received = queue.Queue()
        self.closing = False
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def close(self) -> None:
        self.closing = True
        self.reader.join()
        self.socket.close()
        os.unlink(self.path)

    def read(self) -> None:
        while not self.closing:
            try:
                frame = self.socket.recv(65536)
            except TimeoutError:
                continue
            if frame[6:12] != GUEST_MAC:
                continue  # the user network's
            if frame[12:14] == struct.pack("!H", ARP):
                self.answer_arp(frame)
            elif frame[:6] == OWN_MAC:
                self.received.put(frame)
            elif self.serves_dhcp and frame[23] == UDP and frame[36:38] == struct.pack("!H", 67):
                self.answer_dhcp(frame)

    def answer_dhcp(self, frame: bytes) -> None:
        packet = dhcp_answer(frame, self.guest_ip)
        if packet:
            self.send(ethernet(packet))

    def answer_arp(self, frame: bytes) -> None:
        operation, = struct.unpack("!H", frame[20:22])
        if operation == 1 and frame[38:42] == OWN_IP:
            self.send(ethernet(arp(2, frame[22:28], frame[28:32]), ARP, frame[22:28]))

    def send(self, frame: bytes) -> None:
        deadline = time.monotonic() + SEND_PATIENCE
        while True:
            try:
                self.socket.sendto(frame, self.peer)
                return
            except TimeoutError:  # its queue is full: the machine has not run for a while
                if time.monotonic() > deadline:
                    raise

    def send_ip(self, payload: bytes, protocol: int, **arguments) -> None:
        self.send(ethernet(ipv4(payload, protocol, self.guest_ip, **arguments)))

    def frames(self, seconds: float):
        """Frames of the guest to us, until nothing has come for `seconds`."""
        while True:
            try:
                yield self.received.get(timeout=seconds)
            except queue.Empty:
                return

    def introduce(self) -> None:
        """Makes the guest know our address, so that answers need no question."""
        self.send(ethernet(arp(1, bytes(6), self.guest_ip), ARP, BROADCAST))

    def wait_for_address(self, machine, timeout: float = 120) -> None:
        """Until the guest has its address by our DHCP."""
        deadline = time.monotonic() + timeout
        while ".".join(map(str, self.guest_ip)) not in machine.run("net"):
            assert time.monotonic() < deadline, "no address by DHCP"
            time.sleep(0.3)
        self.introduce()

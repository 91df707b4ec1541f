"""Moves the streams of a transport stream to the PIDs 0x10 to 0x1F, which DVB reserves: low_pids.py INPUT OUTPUT"""
import sys

MOVED = {0x1000: 0x10, 0x100: 0x11, 0x101: 0x14}
PAT, SDT = 0, 0x11


def crc(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = value << 1 ^ 0x04C11DB7 if value >> 31 else value << 1
            value &= 0xFFFFFFFF
    return value.to_bytes(4, "big")


def move(data, at):
    pid = (data[at] & 0x1F) << 8 | data[at + 1]
    to = MOVED.get(pid, pid)
    data[at] = data[at] & 0xE0 | to >> 8
    data[at + 1] = to & 0xFF


with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
    while packet := bytearray(source.read(188)):
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        if pid == SDT:
            continue
        if pid in (PAT, 0x1000):
            # ffmpeg's tables have one section in a packet without an adaptation field.
            end = 5 + 3 + ((packet[6] & 0x0F) << 8 | packet[7])
            if pid == PAT:
                move(packet, 15)
            else:
                move(packet, 13)
                at = 17 + ((packet[15] & 0x0F) << 8 | packet[16])
                while at < end - 4:
                    move(packet, at + 1)
                    at += 5 + ((packet[at + 3] & 0x0F) << 8 | packet[at + 4])
            packet[end - 4:end] = crc(packet[5:end - 4])
        move(packet, 1)
        target.write(packet)

"""A reader of CBOR for tests: what teelog writes, read by somebody else."""


class Cbor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def head(self):
        first = self.data[self.at]
        self.at += 1
        value = first & 31
        if value >= 24:
            n = 1 << (value - 24)
            value = int.from_bytes(self.data[self.at:self.at + n], "big")
            self.at += n
        return first >> 5, value

    def item(self):
        kind, n = self.head()
        if kind == 0:
            return n
        if kind == 1:
            return -1 - n
        if kind in (2, 3):
            self.at += n
            text = self.data[self.at - n:self.at]
            return text if kind == 2 else text.decode()
        if kind == 4:
            return [self.item() for _ in range(n)]
        if kind == 5:
            return {self.item(): self.item() for _ in range(n)}
        if kind == 6:
            return n, self.item()
        return {20: False, 21: True, 22: None}[n]


def decode(data):
    c = Cbor(data)
    value = c.item()
    assert c.at == len(data)
    return value


def byte_string(data):
    """Encoded."""
    n = len(data)
    head = bytes([0x40 | n]) if n < 24 else b"\x58" + bytes([n]) if n < 256 else b"\x59" + n.to_bytes(2, "big")
    return head + data

"""The log as tiles (c2sp.org/tlog-tiles): what a stranger's client puts together from them is
the tree of the checkpoint, and nothing that the host has altered is served."""
import base64
import hashlib
import os
import sqlite3

from rfc6962 import root
from teelogtest import Case, main, record


def entries(bundle):
    found = []
    while bundle:
        n = int.from_bytes(bundle[:2], "big")
        found.append(bundle[2:2 + n])
        bundle = bundle[2 + n:]
    return found


def split(data, n=32):
    return [data[i:i + n] for i in range(0, len(data), n)]


class Tiles(Case):
    def setUp(self):
        super().setUp()
        self.service = self.serve("--origin", "example.org/log")
        self.append([record(f"agent-{i % 3}", f"content {i}") for i in range(600)])

    def head(self):
        status, fields, note = self.service.get("/checkpoint")
        self.assertEqual(status, 200)
        self.assertEqual(fields["Cache-Control"], "max-age=1")
        origin, size, digest = note.decode().split("\n")[:3]
        self.assertEqual(origin, "example.org/log")
        return int(size), base64.b64decode(digest)

    def tile(self, path, code=200):
        status, fields, body = self.service.get("/tile/" + path)
        self.assertEqual(status, code, body[:300])
        if code == 200:
            self.assertEqual(fields["Content-Type"], "application/octet-stream")
            self.assertEqual(fields["Cache-Control"], "max-age=31536000, immutable")
            self.assertEqual(fields["Teelog-Platform"], "simulator")
        else:
            self.assertEqual(fields["Cache-Control"], "no-store")
        return body

    def level(self, name, size):
        """All of a level's tiles, the last one partial."""
        found = [self.tile(f"{name}/{n:03}") for n in range(size // 256)]
        if size % 256:
            found.append(self.tile(f"{name}/{size // 256:03}.p/{size % 256}"))
        return found

    def test_the_tree_is_that_of_the_checkpoint(self):
        size, want = self.head()
        self.assertGreater(size, 600)
        leaves = [hashlib.sha256(b"\x00" + e).digest()
                  for bundle in self.level("entries", size) for e in entries(bundle)]
        self.assertEqual(len(leaves), size)
        self.assertEqual(root(leaves), want)
        self.assertEqual(b"".join(self.level("0", size)), b"".join(leaves))
        full = [root(leaves[i:i + 256]) for i in range(0, size - 255, 256)]
        self.assertEqual(split(self.tile(f"1/000.p/{size // 256}")), full)

    def test_a_tile_is_there_in_every_width_it_has_had(self):
        size, _ = self.head()
        whole = self.tile("0/000")
        for width in (1, 2, 31, 254, 255):
            self.assertEqual(self.tile(f"0/000.p/{width}"), whole[:32 * width])
            self.assertEqual(len(entries(self.tile(f"entries/000.p/{width}"))), width)
        # a second time, when it may be kept in memory
        self.assertEqual(self.tile("0/000"), whole)
        self.assertEqual(self.tile("0/000.p/31"), whole[:32 * 31])
        self.append([record("agent-0", "more")])
        self.assertEqual(len(self.tile(f"0/002.p/{size % 256}")), 32 * (size % 256))

    def test_nothing_else_is(self):
        size, _ = self.head()
        width = size % 256
        for path in (f"0/002.p/{width + 1}", "0/002", "0/003", "1/000", "1/000.p/3", "1/001", "2/000.p/1",
                     "8/000.p/1", "63/000.p/1", "entries/002", f"entries/002.p/{width + 1}", "entries/003",
                     "0/000.p/0", "0/000.p/256", "0/0", "0/0000", "0/x000/000", "0/000/", "00/000", "64/000",
                     "-1/000", "entries", "entries/", "data/000", "0/000.p/", "0/000.p/01", "0/000.p/+1",
                     "0/x999/x999/x999/x999/x999/x999/999", "0/../0/000", "0/%30%30%30", "",
                     "0/x036/x028/x797/x018/x963/967", "0/x036/x028/x797/x018/x963/968"):
            with self.subTest(path=path):
                self.tile(path, 404)
        self.assertEqual(self.service.get("/tile/0/000?x=1")[0], 400)

    def altered(self, sql, *paths):
        """What the service says after its host did this while it was stopped."""
        self.service.stop()
        db = sqlite3.connect(os.path.join(self.data, "teelog.db"))
        self.assertEqual(db.execute(sql).rowcount, 1)
        db.commit()
        db.close()
        self.service = self.serve("--origin", "example.org/log")
        for path in paths:
            self.tile(path, 500)

    def test_an_altered_entry_is_not_served(self):
        self.altered("update leaf set statement = (select statement from leaf where idx = 7) where idx = 8",
                     "entries/000")
        self.assertEqual(len(entries(self.tile("entries/000.p/8"))), 8)

    def test_a_missing_entry_is_not_passed_over(self):
        self.altered("delete from leaf where idx = 8", "entries/000", "entries/000.p/9")

    def test_an_altered_tile_is_not_served(self):
        self.altered("update tile set hashes = zeroblob(length(hashes)) where id = 0", "0/000",
                     "0/000.p/1")
        self.tile("0/001")


if __name__ == "__main__":
    main()

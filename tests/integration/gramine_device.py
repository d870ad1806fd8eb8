"""A folder of FIFOs that stands in for Gramine's /dev/attestation: each open of quote makes
a quote over what was last written to user_report_data. The quotes are simulated.

    device = Device(directory, makedcap)
    device.change = lambda quote: …      # other bytes
    device.report_data = lambda asked: … # over something else
    device.hold()                        # answers nobody, until device.release()
    device.close()
"""
import os
import pathlib
import subprocess
import tempfile
import threading
import time


class Device:
    def __init__(self, directory, makedcap):
        self.makedcap = makedcap
        self.directory = pathlib.Path(directory)
        self.time = int(time.time())
        self.made = 0
        self.change = lambda quote: quote
        self.report_data = lambda asked: asked
        self.going = threading.Event()
        self.going.set()
        self.closed = False
        self.value = bytes(64)
        (self.directory / "keys").mkdir(parents=True)
        self.file("attestation_type", b"dcap")
        self.file("keys/_sgx_mrenclave", b"sixteen bytes it")
        os.mkfifo(self.directory / "quote")
        os.mkfifo(self.directory / "user_report_data")
        # Open on both sides, so that nobody who writes has to wait.
        self.written = os.open(self.directory / "user_report_data", os.O_RDWR | os.O_NONBLOCK)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def file(self, name, contents):
        (self.directory / name).write_bytes(contents)

    def make(self, report_data):
        """{file: bytes} of a quote over this, and its collateral."""
        with tempfile.TemporaryDirectory(prefix="teelog-test-") as out:
            subprocess.run([self.makedcap, "sgx-v3", out, str(self.time), report_data.hex()],
                           check=True)
            return {p.name: p.read_bytes() for p in pathlib.Path(out).iterdir()}

    def hold(self):
        self.going.clear()

    def release(self):
        self.going.set()

    def serve(self):
        while not self.closed:
            fd = os.open(self.directory / "quote", os.O_WRONLY)  # waits for who reads
            try:
                if not self.closed:
                    self.answer(fd)
            except BrokenPipeError:
                pass  # the reader has gone
            finally:
                os.close(fd)

    def answer(self, fd):
        # Who opens from now on gets a FIFO of their own.
        os.mkfifo(self.directory / "next")
        os.rename(self.directory / "next", self.directory / "quote")
        try:
            self.value = os.read(self.written, 65536)[-64:].ljust(64, b"\0")
        except BlockingIOError:
            pass  # nobody wrote: as it was
        quote = self.change(self.make(self.report_data(self.value))["quote.bin"])
        self.made += 1
        self.going.wait()
        while quote:
            quote = quote[os.write(fd, quote):]

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.going.set()
        reader = os.open(self.directory / "quote", os.O_RDONLY | os.O_NONBLOCK)
        self.thread.join()
        os.close(reader)
        os.close(self.written)

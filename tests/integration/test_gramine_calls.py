"""That the filter which stands for Gramine (tests/lib/gramine_calls.c) does what it says: a
child of `teelog run` finds the same calls missing as its parent."""
import json
import signal
import subprocess
import unittest

from teelogtest import IN_GRAMINE, TEELOG, Case, main, record

# Numbers of x86-64, each with arguments that do nothing: what Linux answers is another error.
LACKING = {
    "signalfd": 282, "signalfd4": 289, "timerfd_create": 283, "timerfd_settime": 286,
    "timerfd_gettime": 287, "timer_create": 222, "epoll_pwait2": 441, "pwritev": 296,
    "pwritev2": 328, "statx": 332, "mremap": 25, "memfd_create": 319, "prctl": 157,
    "getrusage": 98, "pidfd_open": 434, "pidfd_send_signal": 424, "inotify_init": 253,
    "inotify_init1": 294, "inotify_add_watch": 254, "io_uring_setup": 425, "io_uring_enter": 426,
    "io_uring_register": 427, "link": 86, "linkat": 265, "symlink": 88, "symlinkat": 266,
    "renameat2": 316, "utimensat": 280, "utimes": 235, "futimesat": 261, "copy_file_range": 326,
    "setresuid": 117, "setresgid": 119, "membarrier": 324, "rseq": 334,
    "flock": 73,
}
CHILD = r"""
import ctypes, errno, fcntl, json, mmap, os, platform, socket, sys
libc = ctypes.CDLL(None, use_errno=True)

def error_of(call):
    try:
        return call()
    except OSError as e:
        return errno.errorcode[e.errno]

def raw(number):
    words = [ctypes.c_long(-1)] * 6
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(number, *words) == -1 else None

unix = socket.socket(socket.AF_UNIX)
tcp = socket.socket()
page = mmap.mmap(-1, 4096)
machine = platform.machine() == "x86_64"
print(json.dumps({
    "raw": {name: raw(n) for name, n in json.loads(sys.argv[1]).items()} if machine else None,
    "forms": {
        "peercred": error_of(lambda: unix.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12) and 0),
        "error": unix.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR),
        "timeout": error_of(lambda: unix.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, b" " * 16)),
        "nodelay": tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        "fastopen": error_of(lambda: tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 1)),
        "ofd": error_of(lambda: fcntl.fcntl(1, 36, b"\0" * 32) and 0),
        "flags": fcntl.fcntl(1, fcntl.F_GETFD),
        "datagram": error_of(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).close()),
        "tmpfile": error_of(lambda: os.close(os.open(".", os.O_TMPFILE | os.O_RDWR))),
        "open": error_of(lambda: os.close(os.open(".", os.O_RDONLY))),
        "chmod": error_of(lambda: os.chmod(".", 0o700)),
        "dontdump": error_of(lambda: page.madvise(16)),
        "dontneed": error_of(lambda: page.madvise(mmap.MADV_DONTNEED)),
    }}))
"""
FORMS = {"peercred": "ENOPROTOOPT", "error": 0, "timeout": "ENOPROTOOPT", "nodelay": None,
         "fastopen": "ENOPROTOOPT", "ofd": "EINVAL", "flags": 0, "datagram": "EPROTONOSUPPORT",
         "tmpfile": "ENOTSUP", "open": None, "chmod": "ENOENT", "dontdump": "ENOSYS",
         "dontneed": None}


@unittest.skipUnless(IN_GRAMINE, "not under the filter")
class Gramine(Case):
    def test_the_filter(self):
        """In the service's child as in itself; and outside the same calls are there."""
        ask = ["python3", "-c", CHILD, json.dumps(LACKING)]
        done = self.teelog("run", "--data", self.data, "--tee", "sim", "--", *ask)
        inside = json.loads(done.stdout)
        outside = json.loads(subprocess.run(ask, check=True, capture_output=True, cwd=self.dir,
                                            env=self.env).stdout)
        self.assertEqual(inside["forms"], FORMS)
        self.assertEqual({name for name in FORMS if outside["forms"][name] != FORMS[name]},
                         {"peercred", "timeout", "fastopen", "ofd", "datagram", "tmpfile", "chmod",
                          "dontdump"})
        if inside["raw"]:
            self.assertEqual(inside["raw"], dict.fromkeys(LACKING, "ENOSYS"))
            here = {name for name, answer in outside["raw"].items() if answer != "ENOSYS"}
            self.assertGreaterEqual(here, {"signalfd4", "timerfd_create", "statx", "mremap",
                                           "memfd_create", "prctl", "getrusage", "link", "symlink",
                                           "renameat2", "utimensat", "copy_file_range", "flock"})

    def test_one_sigterm_is_enough(self):
        service = self.serve()
        self.append([record()])
        self.assertEqual(service.stop(), 0)
        p = subprocess.Popen([TEELOG, "run", "--data", self.data, "--tee", "sim", "--", "sh", "-c",
                              "echo here; exec sleep 60"], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, env=self.env)
        self.addCleanup(p.stdout.close)
        self.assertEqual(p.stdout.readline(), "here\n")
        p.send_signal(signal.SIGTERM)
        self.assertEqual(p.wait(60), 128 + signal.SIGTERM)
        self.assertIn("0 findings", self.teelog("fsck", "--data", self.data, "--tee", "sim").stdout)


if __name__ == "__main__":
    main()

"""A server of the Model Context Protocol that is a test's own: what comes on standard input goes to
the socket in argv[1], and back. It ends, with the exit code in argv[2], when the socket does."""
import os
import socket
import sys
import threading

peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.sendall(b"%d\n" % os.getpid())


def to_peer():
    while chunk := os.read(0, 1 << 16):
        peer.sendall(chunk)
    peer.shutdown(socket.SHUT_WR)


threading.Thread(target=to_peer, daemon=True).start()
while data := peer.recv(1 << 16):
    while data:
        data = data[os.write(1, data):]
os._exit(int(sys.argv[2]))

#!/usr/bin/env python3
"""A stand-in for a desktop: a small program that must answer at once, whatever load the guest has.

desktop.py answer SOCKET: answers each line with the same line.
desktop.py ask SOCKET: sends ten requests a second and prints the milliseconds until each answer.
"""
import socket
import sys
import time


def answer(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        peer, _ = listener.accept()
        while line := peer.recv(64):
            peer.sendall(line)


def ask(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    while True:
        asked = time.monotonic()
        peer.sendall(b"there?\n")
        if not peer.recv(64):
            sys.exit("the desktop has exited")
        print(int((time.monotonic() - asked) * 1000), flush=True)
        time.sleep(0.1)


if __name__ == "__main__":
    {"answer": answer, "ask": ask}[sys.argv[1]](sys.argv[2])

#!/usr/bin/env python3
"""liblinphone with a remote control: commands as lines of JSON on stdin, events as lines of JSON on stdout.

    client.py CONFIGURATION LOG

It shows chat rooms (the pair of addresses by which the client finds a conversation), messages that come, and each state of a
message that was sent. `message/cpim` is allowed in every room, so notifications are asked for, as Linphone's own programs do.
"""

import ctypes
import json
import os
import select
import sys
import time
from ctypes import c_char_p, c_int, c_void_p

lib = ctypes.CDLL("liblinphone.so.10")

STATES = ("Idle", "InProgress", "Delivered", "NotDelivered", "FileTransferError", "FileTransferDone", "DeliveredToUser", "Displayed")


def function(name, result, *arguments):
    found = getattr(lib, f"linphone_{name}")
    found.restype, found.argtypes = result, arguments
    return found


factory_get = function("factory_get", c_void_p)
create_core = function("factory_create_core_3", c_void_p, c_void_p, c_char_p, c_char_p, c_void_p)
core_start = function("core_start", c_int, c_void_p)
core_stop = function("core_stop", None, c_void_p)
iterate = function("core_iterate", None, c_void_p)
chat_rooms = function("core_get_chat_rooms", c_void_p, c_void_p)
chat_room = function("core_get_chat_room_from_uri", c_void_p, c_void_p, c_char_p)
default_account = function("core_get_default_account", c_void_p, c_void_p)
account_state = function("account_get_state", c_int, c_void_p)
policy_of = function("core_get_im_notif_policy", c_void_p, c_void_p)
enable_all = function("im_notif_policy_enable_all", None, c_void_p)
allow_cpim = function("chat_room_allow_cpim", None, c_void_p)
peer_address = function("chat_room_get_peer_address", c_void_p, c_void_p)
local_address = function("chat_room_get_local_address", c_void_p, c_void_p)
history = function("chat_room_get_history", c_void_p, c_void_p, c_int)
address_text = function("address_as_string_uri_only", c_char_p, c_void_p)
new_message = function("chat_room_create_message_from_utf8", c_void_p, c_void_p, c_char_p)
send = function("chat_message_send", None, c_void_p)
state_of = function("chat_message_get_state", c_int, c_void_p)
is_outgoing = function("chat_message_is_outgoing", c_int, c_void_p)
text_of = function("chat_message_get_utf8_text", c_char_p, c_void_p)
message_id = function("chat_message_get_message_id", c_char_p, c_void_p)
log_file = function("core_set_log_file", None, c_void_p)
log_level = function("core_set_log_level_mask", None, ctypes.c_uint)
c_file = ctypes.CDLL(None).fopen
c_file.restype, c_file.argtypes = c_void_p, (c_char_p, c_char_p)


class Node(ctypes.Structure):
    """A link of liblinphone's lists."""


Node._fields_ = [("next", ctypes.POINTER(Node)), ("previous", ctypes.POINTER(Node)), ("data", c_void_p)]


def items(head):
    node = ctypes.cast(head, ctypes.POINTER(Node))
    while node:
        yield node.contents.data
        node = node.contents.next


def tell(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


def text(octets):
    return (octets or b"").decode()


def main():
    configuration, log = sys.argv[1:]
    log_level(0x3E)
    log_file(c_file(log.encode(), b"w"))
    core = create_core(factory_get(), configuration.encode(), None, None)
    enable_all(policy_of(core))
    core_start(core)
    rooms, messages, sent = set(), set(), []
    registered = False
    while True:
        iterate(core)
        if not registered and account_state(default_account(core)) == 2:
            registered = True
            tell("registered")
        for room in items(chat_rooms(core)):
            pair = text(address_text(local_address(room))), text(address_text(peer_address(room)))
            if pair not in rooms:
                rooms.add(pair)
                tell("room", local=pair[0], peer=pair[1])
            for message in items(history(room, 0)):
                name = message_id(message)
                if not is_outgoing(message) and name not in messages:
                    messages.add(name)
                    tell("message", local=pair[0], peer=pair[1], text=text(text_of(message)))
        for one in sent:
            state = STATES[state_of(one["message"])]
            if state != one["state"]:
                one["state"] = state
                tell("state", state=state)
        if select.select([sys.stdin], [], [], 0.02)[0]:
            line = sys.stdin.readline()
            if not line:
                break
            command = json.loads(line)
            room = chat_room(core, command["to"].encode())
            allow_cpim(room)
            message = new_message(room, command["text"].encode())
            send(message)
            sent.append({"message": message, "state": None})
    core_stop(core)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        iterate(core)
        time.sleep(0.02)
    os._exit(0)  # liblinphone's own clean-up of Python's references is none of this test's business


main()

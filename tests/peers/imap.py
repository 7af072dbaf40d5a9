"""Small IMAP client for the tests: imap.py PORT CA LOGIN PASSWORD COMMAND ARGS..."""

import imaplib
import ssl
import sys

port, ca, login, password, command, *args = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
client = imaplib.IMAP4_SSL("localhost", int(port), ssl_context=context)
client.login(login, password)


def must(answer):
    status, data = answer
    if status != "OK":
        print(status, data)
        sys.exit(1)
    return data


def folder(name):
    return '"' + name.replace("&", "&-") + '"'


def ascii(octets):
    return octets.decode("utf-8", "replace")


if command == "list":  # FOLDER: a line for each message, uid and subject
    must(client.select(folder(args[0]), readonly=True))
    for uid in must(client.uid("SEARCH", "ALL"))[0].split():
        data = must(client.uid("FETCH", uid.decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
        print(uid.decode(), ascii(data[0][1]).strip())
elif command == "raw":  # FOLDER UID: the message
    must(client.select(folder(args[0]), readonly=True))
    data = must(client.uid("FETCH", args[1], "(BODY.PEEK[])"))
    sys.stdout.buffer.write(data[0][1])
elif command == "flags":  # FOLDER: flags of every message
    must(client.select(folder(args[0]), readonly=True))
    for line in must(client.uid("FETCH", "1:*", "(FLAGS)")):
        print(ascii(line or b""))
elif command in ("move", "copy"):  # FOLDER UIDS TO
    must(client.select(folder(args[0])))
    must(client.uid(command.upper(), args[1], folder(args[2])))
elif command == "append":  # FOLDER FILE
    with open(args[1], "rb") as file:
        print(client.append(folder(args[0]), None, None, file.read()))
elif command == "delete":  # FOLDER UIDS
    must(client.select(folder(args[0])))
    must(client.uid("STORE", args[1], "+FLAGS.SILENT", r"(\Deleted)"))
    must(client.expunge())
elif command == "folders":
    for line in must(client.list()):
        print(ascii(line))
client.logout()

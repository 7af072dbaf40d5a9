"""DKIM and ARC by dkimpy, with fixed answers instead of the DNS.

usage: signatures.py COMMAND RECORDS [ARGUMENT...] < message

RECORDS is a file of lines: NAME VALUE, for TXT records.
  dkim-sign RECORDS DOMAIN SELECTOR KEYFILE    prints the message with a signature
  dkim-verify RECORDS                          prints one word for each signature: pass or fail
  arc-verify RECORDS                           prints none, pass or fail, and the number of sets
"""

import sys

import dkim


def dns_of(path):
    records = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            name, _, value = line.strip().partition(" ")
            records[name.lower()] = value

    def ask(name, timeout=5):
        if isinstance(name, bytes):
            name = name.decode("ascii")
        value = records.get(name.rstrip(".").lower())
        return value.encode("ascii") if value else None

    return ask


def key(path):
    with open(path, "rb") as file:
        return file.read()


HEADERS = [b"from", b"to", b"subject", b"date", b"message-id"]


def main():
    command, records, *rest = sys.argv[1:]
    message = sys.stdin.buffer.read()
    ask = dns_of(records)
    out = sys.stdout.buffer
    if command == "dkim-sign":
        domain, selector, path = rest
        field = dkim.sign(
            message,
            selector.encode(),
            domain.encode(),
            key(path),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=HEADERS,
        )
        out.write(field + message)
    elif command == "dkim-verify":
        verifier = dkim.DKIM(message)
        count = sum(1 for name, _ in verifier.headers if name.lower() == b"dkim-signature")
        words = []
        for index in range(count):
            try:
                words.append("pass" if verifier.verify(index, dnsfunc=ask) else "fail")
            except dkim.DKIMException:
                words.append("fail")
        print(" ".join(words))
    elif command == "arc-verify":
        status, results, reason = dkim.arc_verify(message, dnsfunc=ask)
        print((status or b"fail").decode(), len(results))
        print(reason, file=sys.stderr)
    else:
        sys.exit(__doc__)


main()

-- All stages, several messages on one connection: accepted, refused, tagged, let by, aborted.
local conn = mt.connect(socket, 40, 0.25)
assert(conn, "no connection")
assert(mt.negotiate(conn, 6, 0, 511) == nil)
assert(mt.conninfo(conn, "mail.a.test", "192.0.2.7") == nil)
assert(mt.getreply(conn) == SMFIR_CONTINUE)
mt.macro(conn, SMFIC_HELO, "{tls_version}", "TLSv1.3", "{cipher}", "AES")
assert(mt.helo(conn, "mail.a.test") == nil)

local GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

local function send(to, body, token)
  mt.macro(conn, SMFIC_MAIL, "i", "Q1")
  assert(mt.mailfrom(conn, "<ann@a.test>", "SIZE=100") == nil)
  for _, recipient in ipairs(to) do
    assert(mt.rcptto(conn, "<" .. recipient .. ">") == nil)
    assert(mt.getreply(conn) == SMFIR_CONTINUE)
  end
  if token then
    assert(mt.header(conn, "X-Quaranta-Reinsertion", "v=1; forged") == nil)
    assert(mt.header(conn, "X-Quaranta-Reinsertion", "v=1; forged again") == nil)
  end
  assert(mt.header(conn, "From", "Ann <ann@a.test>") == nil)
  assert(mt.header(conn, "Subject", "a subject") == nil)
  assert(mt.header(conn, "Date", "Sat, 21 Nov 2026 10:00:00 +0000") == nil)
  assert(mt.header(conn, "Message-ID", "<" .. body:sub(1, 8) .. "@a.test>") == nil)
  assert(mt.bodystring(conn, body .. "\r\n") == nil)
  assert(mt.eom(conn) == nil)
end

-- Clean mail: a field on top, nothing else.
send({"alice@example.org"}, "hello")
assert(mt.getreply(conn) == SMFIR_ACCEPT)
assert(mt.eom_check(conn, MT_HDRINSERT, "Authentication-Results"))
assert(not mt.eom_check(conn, MT_HDRINSERT, "Received"))
assert(not mt.eom_check(conn, MT_HDRCHANGE))

-- Spam: a reply of ours, and no edit.
send({"alice@example.org"}, GTUBE)
assert(mt.getreply(conn) == SMFIR_REPLYCODE)
assert(not mt.eom_check(conn, MT_HDRINSERT))

-- A domain with Subject notation.
send({"alice@tag.example.org"}, GTUBE)
assert(mt.getreply(conn) == SMFIR_ACCEPT)
assert(mt.eom_check(conn, MT_HDRCHANGE, "Subject", "[SPAM] a subject"))
assert(mt.eom_check(conn, MT_HDRINSERT, "X-Spam-Flag", "YES"))

-- Both together: one is taken off, the other gets the tag.
send({"alice@example.org", "alice@tag.example.org"}, GTUBE)
assert(mt.getreply(conn) == SMFIR_ACCEPT)
assert(mt.eom_check(conn, MT_RCPTDELETE, "<alice@example.org>"))
assert(not mt.eom_check(conn, MT_RCPTDELETE, "<alice@tag.example.org>"))
assert(mt.eom_check(conn, MT_HDRCHANGE, "Subject", "[SPAM] a subject"))

-- Tokens from outside go (an empty value removes a field).
send({"alice@example.org"}, "hello again", true)
assert(mt.getreply(conn) == SMFIR_ACCEPT)
assert(mt.eom_check(conn, MT_HDRDELETE, "X-Quaranta-Reinsertion"))

-- Nobody of ours, and a message that is aborted.
send({"eve@elsewhere.test"}, GTUBE)
assert(mt.getreply(conn) == SMFIR_ACCEPT)
assert(mt.mailfrom(conn, "<ann@a.test>") == nil)
assert(mt.rcptto(conn, "<alice@example.org>") == nil)
assert(mt.abort(conn) == nil)
send({"alice@example.org"}, "after the abort")
assert(mt.getreply(conn) == SMFIR_ACCEPT)
mt.disconnect(conn)

"""Hostile bytes for any server on our front: framings and paths that somebody could read otherwise."""

import socket
import time

from gateway_raw import message, request

BODY = message()
XB = "x-forwarded-for: 198.51.100.7\r\n"
"""Requests with this are denied: should one be served all the same, a rule was passed by."""


def post(lines: str, body: bytes | str = BODY, path: str = "/v1/messages") -> bytes:
    """Write a request whose headers are given to the last byte."""
    raw = body.encode() if isinstance(body, str) else body
    return (
        f"POST {path} HTTP/1.1\r\nhost: g\r\nx-api-key: key-a\r\n{lines}\r\n".encode("latin-1")
        + raw
    )


def chunked(body: str, extension: str = "", end: str = "0\r\n\r\n") -> str:
    return f"{len(body):x}{extension}\r\n{body}\r\n{end}"


TE = "transfer-encoding: chunked\r\n"
N = len(BODY)
SMUGGLED = "POST /v1/messages HTTP/1.1\r\nhost: g\r\nx-api-key: key-a\r\ncontent-length: 0\r\n\r\n"

FRAMING = {
    "both lengths": post(f"content-length: {N}\r\n{TE}", chunked(BODY)),
    "both lengths, the other way round": post(f"{TE}content-length: {N}\r\n", chunked(BODY)),
    "a length of 4 and chunks": post(f"content-length: 4\r\n{TE}", chunked(BODY)),
    "a length and chunks that end early": post(f"content-length: {N + 5}\r\n{TE}", "0\r\n\r\n" + BODY),
    "two lengths": post(f"content-length: {N}\r\ncontent-length: {N + 1}\r\n"),
    "two equal lengths": post(f"content-length: {N}\r\ncontent-length: {N}\r\n"),
    "a list of lengths": post(f"content-length: {N}, {N + 1}\r\n"),
    "a list of equal lengths": post(f"content-length: {N}, {N}\r\n"),
    "a negative length": post("content-length: -1\r\n"),
    "a signed length": post(f"content-length: +{N}\r\n"),
    "a hexadecimal length": post(f"content-length: 0x{N:x}\r\n"),
    "a length with a blank inside": post(f"content-length: 1 {N}\r\n"),
    "an empty length": post("content-length:\r\n"),
    "an enormous length": post("content-length: 99999999999999999999999\r\n"),
    "a length with an underscore": post(f"content_length: {N}\r\n"),
    "xchunked": post("transfer-encoding: xchunked\r\n", chunked(BODY)),
    "chunked, identity": post("transfer-encoding: chunked, identity\r\n", chunked(BODY)),
    "identity, chunked": post("transfer-encoding: identity, chunked\r\n", chunked(BODY)),
    "gzip, chunked": post("transfer-encoding: gzip, chunked\r\n", chunked(BODY)),
    "chunked, chunked": post("transfer-encoding: chunked, chunked\r\n", chunked(BODY)),
    "identity": post(f"transfer-encoding: identity\r\ncontent-length: {N}\r\n"),
    "two encodings": post(f"{TE}transfer-encoding: identity\r\n", chunked(BODY)),
    "two times chunked": post(TE + TE, chunked(BODY)),
    "quoted": post('transfer-encoding: "chunked"\r\n', chunked(BODY)),
    "a semicolon": post("transfer-encoding: chunked;a=b\r\n", chunked(BODY)),
    "a tab": post("transfer-encoding:\tchunked\r\n", chunked(BODY)),
    "a vertical tab": post("transfer-encoding:\x0bchunked\r\n", chunked(BODY)),
    "capitals": post("Transfer-Encoding: CHUNKED\r\n", chunked(BODY)),
    "a blank before the colon": post("transfer-encoding : chunked\r\n", chunked(BODY)),
    "an underscore": post(f"transfer_encoding: chunked\r\ncontent-length: {N}\r\n"),
    "a folded header": post("transfer-encoding:\r\n chunked\r\n", chunked(BODY)),
    "a folded other header": post(f"x-a: b\r\n c\r\ncontent-length: {N}\r\n"),
    "a bare CR in a header": post(f"x-a: b\rtransfer-encoding: chunked\r\ncontent-length: {N}\r\n"),
    "a bare LF in a header": post(f"x-a: b\ntransfer-encoding: chunked\r\ncontent-length: {N}\r\n"),
    "a NUL in a header": post(f"x-a: b\x00\r\ncontent-length: {N}\r\n"),
    "a header without a colon": post(f"transfer-encoding chunked\r\ncontent-length: {N}\r\n"),
    "a header without a name": post(f": chunked\r\ncontent-length: {N}\r\n"),
    "a chunk extension": post(TE, chunked(BODY, ";a=b")),
    "a quoted chunk extension": post(TE, chunked(BODY, ';a="\r\n"')),
    "a long chunk extension": post(TE, chunked(BODY, ";" + "a" * 40_000)),
    "an extension with a bare LF": post(TE, chunked(BODY, ";a\n")),
    "a chunk size with a blank": post(TE, f"{N:x} \r\n{BODY}\r\n0\r\n\r\n"),
    "a chunk size with 0x": post(TE, f"0x{N:x}\r\n{BODY}\r\n0\r\n\r\n"),
    "a signed chunk size": post(TE, f"+{N:x}\r\n{BODY}\r\n0\r\n\r\n"),
    "a negative chunk size": post(TE, f"-{N:x}\r\n{BODY}\r\n0\r\n\r\n"),
    "an enormous chunk size": post(TE, f"ffffffffffffffffff\r\n{BODY}\r\n0\r\n\r\n"),
    "an empty chunk size": post(TE, f"\r\n{BODY}\r\n0\r\n\r\n"),
    "zeros before a chunk size": post(TE, f"00000{N:x}\r\n{BODY}\r\n0\r\n\r\n"),
    "a chunk that is too short": post(TE, f"{N + 2:x}\r\n{BODY}\r\n0\r\n\r\n"),
    "a chunk that is too long": post(TE, f"{N - 2:x}\r\n{BODY}\r\n0\r\n\r\n"),
    "no CRLF behind a chunk": post(TE, f"{N:x}\r\n{BODY}0\r\n\r\n"),
    "two letters for a CRLF": post(TE, f"{N:x}\r\n{BODY}XX0\r\n\r\n"),
    "a bare LF behind a chunk": post(TE, f"{N:x}\r\n{BODY}\n0\r\n\r\n"),
    "bare LFs in chunks": post(TE, f"{N:x}\n{BODY}\n0\n\n"),
    "a bare CR in a chunk": post(TE, f"{N:x}\r{BODY}\r\n0\r\n\r\n"),
    "trailers": post(TE, chunked(BODY, "", "0\r\nx-api-key: key-b\r\n\r\n")),
    "trailers that name a length": post(TE, chunked(BODY, "", "0\r\ncontent-length: 5\r\n\r\n")),
    "no last chunk": post(TE, chunked(BODY, "", "")),
    "a last chunk of many zeros": post(TE, chunked(BODY, "", "0000000\r\n\r\n")),
    "no CRLF behind the last chunk": post(TE, chunked(BODY, "", "0\r\n")),
    "a request in a body of no length": post("content-length: 0\r\n", SMUGGLED)[:-1],
    "a request behind a short body": post(f"content-length: {N - 1}\r\n"),
    "two hosts": post(f"host: other\r\ncontent-length: {N}\r\n"),
    "two keys": post(f"x-api-key: key-b\r\ncontent-length: {N}\r\n"),
    "an expectation": post(f"expect: 100-continue\r\ncontent-length: {N}\r\n"),
    "another expectation": post(f"expect: something\r\ncontent-length: {N}\r\n"),
    "an upgrade": post(f"connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\ncontent-length: {N}\r\n"),
    "a websocket": post("connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ncontent-length: 0\r\n", ""),
    "HTTP/0.9": b"POST /v1/messages\r\n" + BODY.encode(),
    "HTTP/1.0 with chunks": post(TE, chunked(BODY)).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/2.0": post(f"content-length: {N}\r\n").replace(b"HTTP/1.1", b"HTTP/2.0"),
    "HTTP/1.2": post(f"content-length: {N}\r\n").replace(b"HTTP/1.1", b"HTTP/1.2"),
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 20,
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    "a PROXY line": b"PROXY TCP4 203.0.113.1 127.0.0.1 1 2\r\n" + request(BODY),
    "two blanks in the request line": post(f"content-length: {N}\r\n").replace(b"POST ", b"POST  "),
    "a tab in the request line": post(f"content-length: {N}\r\n").replace(b"POST ", b"POST\t"),
    "a blank before the method": b" " + post(f"content-length: {N}\r\n"),
    "empty lines before": b"\r\n\r\n" + post(f"content-length: {N}\r\n"),
    "a method in small letters": post(f"content-length: {N}\r\n").replace(b"POST ", b"post "),
    "a method that is not one": post(f"content-length: {N}\r\n").replace(b"POST ", b"PO(ST "),
    "lines that end in LF": post(f"content-length: {N}\r\n").replace(b"\r\n", b"\n"),
    "lines that end in CR": post(f"content-length: {N}\r\n").replace(b"\r\n", b"\r"),
    "101 headers": post("".join(f"h{i}: 1\r\n" for i in range(101)) + f"content-length: {N}\r\n"),
    "a header of 1 MB": post(f"x-a: {'a' * 1_000_000}\r\ncontent-length: {N}\r\n"),
    "a header name of 70,000 letters": post(f"{'a' * 70_000}: 1\r\ncontent-length: {N}\r\n"),
    "a path of 70,000 letters": post(f"content-length: {N}\r\n", path="/" + "a" * 70_000),
    "a header that is not ASCII": post(f"x-forwarded-for: 203.0.113.1\xff\r\ncontent-length: {N}\r\n"),
    "a key that is not ASCII": post(f"content-length: {N}\r\n").replace(b"key-a", b"key-\xe9"),
    "gzip": post(f"content-encoding: gzip\r\ncontent-length: {N}\r\n"),
    "zstd": post(f"content-encoding: zstd\r\ncontent-length: {N}\r\n"),
    "deflate in capitals": post(f"Content-Encoding: DEFLATE\r\ncontent-length: {N}\r\n"),
    "identity, gzip": post(f"content-encoding: identity, gzip\r\ncontent-length: {N}\r\n"),
    "two answers wanted at once": post(f"content-length: {N}\r\n") + post(f"content-length: {N}\r\n{XB}"),
    "a length with a plus inside": post("content-length: 1+1\r\n"),
    "a length in full-width digits": post("content-length: \xef\xbc\x91\r\n"),
    "a length in another line's fold": post(f"x-a: b\r\n\tcontent-length: {N}\r\n"),
    "a length with a comma behind": post(f"content-length: {N},\r\n"),
    "a length of a float": post(f"content-length: {N}.0\r\n"),
    "a length in two words": post(f"content length: {N}\r\n"),
    "chunked with a space inside": post("transfer-encoding: chun ked\r\n", chunked(BODY)),
    "chunked with a comma before": post("transfer-encoding: ,chunked\r\n", chunked(BODY)),
    "chunked with a NUL": post("transfer-encoding: chunked\x00\r\n", chunked(BODY)),
    "chunked with a bare CR before": post("transfer-encoding:\rchunked\r\n", chunked(BODY)),
    "an empty transfer-encoding": post(f"transfer-encoding:\r\ncontent-length: {N}\r\n"),
    "transfer-encoding with an underscore beside chunks": post(f"transfer_encoding: x\r\n{TE}", chunked(BODY)),
    "a chunk size in capitals": post(TE, f"{N:X}\r\n{BODY}\r\n0\r\n\r\n"),
    "a chunk size with an underscore": post(TE, f"1_0\r\n{BODY}\r\n0\r\n\r\n"),
    "a chunk size with a tab": post(TE, f"{N:x}\t\r\n{BODY}\r\n0\r\n\r\n"),
    "a blank before a chunk size": post(TE, f" {N:x}\r\n{BODY}\r\n0\r\n\r\n"),
    "a chunk size of zeros and then more": post(TE, f"00\r\n{BODY}\r\n0\r\n\r\n"),
    "an extension on the last chunk": post(TE, chunked(BODY, "", "0;a=b\r\n\r\n")),
    "an extension without a name": post(TE, chunked(BODY, ";")),
    "an extension that looks like a chunk": post(TE, f"{N:x};\r\n5\r\n{BODY}\r\n0\r\n\r\n"),
    "a request in an extension": post(TE, f"{N:x};{SMUGGLED}\r\n{BODY}\r\n0\r\n\r\n"),
    "a request in a trailer": post(TE, chunked(BODY, "", f"0\r\n{SMUGGLED}")),
    "a trailer without a colon": post(TE, chunked(BODY, "", "0\r\nx\r\n\r\n")),
    "the last chunk alone": post(TE, "0\r\n\r\n"),
    "one byte a chunk": post(TE, "".join(f"1\r\n{letter}\r\n" for letter in BODY) + "0\r\n\r\n"),
    "an absolute URL for another path": post(f"content-length: {N}\r\n", path="http://g/v1/models"),
    "a host with a path": post(f"content-length: {N}\r\n").replace(b"host: g", b"host: g/v1/models"),
    "a host of somebody": post(f"content-length: {N}\r\n").replace(b"host: g", b"host: a@g"),
    "a host with a blank": post(f"content-length: {N}\r\n").replace(b"host: g", b"host: g h"),
    "no host": post(f"content-length: {N}\r\n").replace(b"host: g\r\n", b""),
    "no host in HTTP/1.0": post(f"content-length: {N}\r\n").replace(b"host: g\r\n", b"").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.1 with a letter behind": post(f"content-length: {N}\r\n").replace(b"HTTP/1.1", b"HTTP/1.1x"),
    "http in small letters": post(f"content-length: {N}\r\n").replace(b"HTTP/1.1", b"http/1.1"),
    "HTTP/01.1": post(f"content-length: {N}\r\n").replace(b"HTTP/1.1", b"HTTP/01.1"),
    "a fourth word in the request line": post(f"content-length: {N}\r\n").replace(b"HTTP/1.1", b"HTTP/1.1 x"),
    "a form feed in the request line": post(f"content-length: {N}\r\n").replace(b"POST ", b"POST\x0c"),
    "a no-break space in the request line": post(f"content-length: {N}\r\n").replace(b"POST ", b"POST\xc2\xa0"),
    "a CR before the head's end": post(f"content-length: {N}\r\n\r"),
    "two CRs at the end of a line": post(f"x-a: b\r\r\ncontent-length: {N}\r\n"),
    "a head that ends in LF LF": post(f"content-length: {N}\n\n"),
    "a first line that is folded": post(f"content-length: {N}\r\n").replace(b" HTTP/1.1\r\n", b"\r\n HTTP/1.1\r\n"),
    "a blank first header": post(f"content-length: {N}\r\n").replace(b"host: g", b" : g\r\nhost: g"),
    "a header name in quotes": post(f'"content-length": {N}\r\n'),
    "two content encodings": post(f"content-encoding: identity\r\ncontent-encoding: gzip\r\ncontent-length: {N}\r\n"),
}  # fmt: skip

PATHS = [
    "//v1/messages", "/v1//messages", "/v1/messages/", "/v1/messages//", "/v1/./messages", "/./v1/messages",
    "/v1/x/../messages", "/../v1/messages", "/v1/messages/..", "/v1/messages/.", "/v1/models/../messages",
    "/v1/messages;a=b", "/v1;a/messages", "/v1/messages;", "/v1/messages%3b", "/v1/messages%00", "/v1/messages%20",
    "/v1/messages%0d%0a", "/v1/messages%09", "/v1%2f%2fmessages", "/v1/messages%2f", "/%2fv1/messages", "%2fv1/messages",
    "/v1/%2e/messages", "/v1/x/%2e%2e/messages", "/%2e%2e/v1/messages", "/v1%5cmessages", "/v1\\messages",
    "\\v1\\messages", "/v1%252fmessages", "/v1/%256dessages", "/v1/messages%3fmodel=x", "/v1/messages%23",
    "/V1/messages", "/v1/Messages", "/v1/MESSAGES", "/v1/message", "/v1/messages1", "/v1/messages.json",
    "/v1/mess%C3%A4ges", "/v1/messages%ff", "/v1/%u006dessages", "/v1/messages\x7f", "/api/v1/messages",
    "/v1/v1/messages", "/v1", "/", "", "*", "/v1/messages/count_tokens/", "/v1/messages/batches", "/v1/complete",
    "/v1/completions", "/v1/audio/speech", "/v1/images/generations", "/v1/files", "/v1/assistants", "/v1/realtime",
    "/v1/models/", "/v1/models//a", "/v1/models/a//b", "/v1/models/../../etc/passwd", "/v1/models/%2e%2e/messages",
    "/admin", "/metrics", "/healthz", "/readyz", "/.git/config", "/v1/messages,/v1/models",
    "http://gateway/v1/messages", "http://gateway/v1/models", "http://elsewhere.example/v1/messages", "https://gateway/v1/messages",
    "http://user:secret@gateway/v1/messages", "gateway:80", "ftp://gateway/v1/messages", "//elsewhere.example/v1/messages",
    "http:/v1/messages", "/v1/messages http://elsewhere/",
]  # fmt: skip


def slow(port: int, first: bytes, drip: bytes, seconds: float) -> tuple[float, bytes]:
    """Send something, then one byte every 0.1 s; tell when the other side had enough."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as connection:
        connection.sendall(first)
        heard = b""
        while time.monotonic() < began + seconds:
            try:
                connection.sendall(drip)
                chunk = connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                break
            heard += chunk
            if not chunk:
                break
        return time.monotonic() - began, heard

"""Names that end in .localhost are this machine (RFC 6761), whatever its resolver says: the AWS CLI puts the account before the name of S3 Control's endpoint."""
import socket

_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host, *args, **kwargs):
    local = isinstance(host, str) and host.endswith(".localhost")
    return _getaddrinfo("127.0.0.1" if local else host, *args, **kwargs)


socket.getaddrinfo = getaddrinfo

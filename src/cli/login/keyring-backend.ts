/** The class by which keyringrc.cfg names it. */
export const BACKEND = 'granary_keyring.Keyring'

/** The module granary_keyring.py. It is written and not published, so that it is of one version with the command that it runs. */
export const MODULE = `"""Asks Granary for tokens, and the other keyrings for everything else. Written by \`granary login keyring\`."""

import json
import os
import subprocess
from urllib.parse import urlsplit

from keyring import backend, credentials, errors

with open(os.path.join(os.path.dirname(__file__), "granary_servers.json"), encoding="utf-8") as _file:
    SERVERS = json.load(_file)

# Clients ask twice, for the name and for the password.
_tokens = {}


def _address(service):
    """The server and the address, without a log-in, where the service is an index there."""
    try:
        url = urlsplit(service)
        origin = url.scheme + "://" + url.netloc.rpartition("@")[2]
    except ValueError:
        return None, None
    server = SERVERS.get(origin) if url.path.startswith("/pypi/") else None
    return server, origin + url.path


def _token(server, address):
    if address not in _tokens:
        program = server["program"]
        if not all(os.path.exists(part) for part in program):
            program = ["granary"]
        asked = subprocess.run(
            program + ["keyring", "get", address, "aws"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env=dict(os.environ, **server["environment"]),
        )
        if asked.returncode != 0:
            raise errors.KeyringError(asked.stderr.strip() or "Granary has no token for " + address)
        _tokens[address] = asked.stdout.strip()
    return _tokens[address]


class Keyring(backend.KeyringBackend):
    # keyringrc.cfg chooses it. What has no priority is left out of the chain of all keyrings, which it asks itself.
    priority = 0

    @property
    def _other(self):
        rings = [ring for ring in backend.get_all_keyring() if ring.priority > 0]
        return max(rings, key=backend.by_priority, default=None)

    def get_password(self, service, username):
        server, address = _address(service)
        if server:
            return _token(server, address)
        return self._other and self._other.get_password(service, username)

    def get_credential(self, service, username):
        server, address = _address(service)
        if server:
            return credentials.SimpleCredential(username or "aws", _token(server, address))
        return self._other and self._other.get_credential(service, username)

    def set_password(self, service, username, password):
        if _address(service)[0] or not self._other:
            raise errors.PasswordSetError("Granary's keyring keeps nothing, and no other keyring is installed")
        self._other.set_password(service, username, password)

    def delete_password(self, service, username):
        if _address(service)[0] or not self._other:
            raise errors.PasswordDeleteError("Granary's keyring keeps nothing, and no other keyring is installed")
        self._other.delete_password(service, username)
`

"""API keys: made here, kept as hashes only, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from evergreen.errors import BadInput, Broken, KeyRefused, NotFound

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOBODY = "0" * 64


@dataclass(frozen=True)
class Account:
    """Who a key belongs to. `sha256` is the hex hash of the whole key; `admin` may also change the rollout."""

    name: str
    sha256: str
    admin: bool = False


class Keys:
    """The accounts in one JSON file, read again when the file changes.

    A key is `NAME.SECRET`, its secret 256 bits of chance: a plain SHA-256 keeps it, no slow hash is needed.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._accounts: dict[str, Account] = {}

    def accounts(self) -> dict[str, Account]:
        """All accounts by name; none when there is no file.

        Raises:
            Broken: the file is not what `add` writes.
        """
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return {}
        if self._seen != (stat.st_mtime_ns, stat.st_size):
            self._accounts = self._read()
            self._seen = (stat.st_mtime_ns, stat.st_size)
        return self._accounts

    def _read(self) -> dict[str, Account]:
        try:
            return {each["name"]: Account(**each) for each in json.loads(self._file.read_text())}
        except (ValueError, TypeError, KeyError) as error:
            raise Broken(f"{self._file} cannot be read: {error}.", "Move it away and make the keys anew.") from None

    def add(self, name: str, admin: bool = False) -> str:
        """Make a key for a new account, or a new one for a known account; the key is not kept anywhere.

        Raises:
            BadInput: a name of other characters than letters, digits, `_` and `-`, or longer than 64.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} cannot name an account.", "Use up to 64 letters, digits, _ and -.")
        key = f"{name}.{secrets.token_urlsafe(32)}"
        self._write({**self.accounts(), name: Account(name, _hash(key), admin)})
        return key

    def remove(self, name: str) -> None:
        """Forget an account: its key is refused from then on.

        Raises:
            NotFound: there is no such account.
        """
        left = dict(self.accounts())
        if left.pop(name, None) is None:
            raise NotFound(f"There is no account {name!r}.", "See `evergreen key list`.")
        self._write(left)

    def verify(self, key: str) -> Account:
        """The account whose key this is. An unknown name takes as long as a wrong secret.

        Raises:
            KeyRefused: nobody's key.
        """
        account = self.accounts().get(key.partition(".")[0])
        fits = hmac.compare_digest(_hash(key), account.sha256 if account else _NOBODY)
        if account is None or not fits:
            raise KeyRefused("This key is not known here.", "Ask for one: `evergreen key add NAME`.")
        return account

    def _write(self, accounts: dict[str, Account]) -> None:
        aside = self._file.with_suffix(".tmp")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump([asdict(each) for each in accounts.values()], stream, indent=1)
        aside.replace(self._file)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

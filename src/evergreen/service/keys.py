"""API keys: made here, kept as hashes only, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from evergreen.errors import BadInput, Broken, Conflict, KeyRefused, NotFound, Unavailable
from evergreen.workspace import require_writable

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOBODY = "0" * 64  # no key has this hash: a wrong name takes as long as a wrong key
PATIENCE = 10.0  # seconds for another writer, who needs milliseconds
USE_SECONDS = 60.0  # between two notes of one key's use


@dataclass(frozen=True)
class Account:
    """Who a key belongs to. `sha256` is the hex hash of the whole key; `admin` may also change the rollout.

    `expires`: ISO date and time after which the key is refused; empty: never.
    """

    name: str
    sha256: str
    admin: bool = False
    expires: str = ""

    def is_expired(self, now: datetime) -> bool:
        """Whether the key's time is over."""
        return bool(self.expires) and now >= datetime.fromisoformat(self.expires)


class Keys:
    """The accounts in one JSON file, read again when the file changes; one writer at a time changes it.

    A key is `NAME.SECRET`, its secret 256 bits of chance: a plain SHA-256 keeps it, no slow hash is needed. When a
    key was last used is the time of an empty file of the account's name in `keys-used` beside it, so that services
    note it without writing what decides who comes in.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._used = file.with_name("keys-used")
        self._seen: tuple[int, int, int] | None = None
        self._accounts: dict[str, Account] = {}
        self._noted: dict[str, float] = {}

    def accounts(self) -> dict[str, Account]:
        """All accounts by name; none when there is no file.

        Raises:
            Broken: the file is not what `add` writes.
        """
        try:
            stat = self._file.stat()
        except FileNotFoundError:
            return {}
        seen = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if self._seen != seen:
            self._accounts = self._read()
            self._seen = seen
        return self._accounts

    def _read(self) -> dict[str, Account]:
        try:
            return {each["name"]: _account(each) for each in json.loads(self._file.read_text())}
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise Broken(f"{self._file} cannot be read: {error}.", "Move it away and make the keys anew.") from None

    def add(self, name: str, admin: bool = False, expires: datetime | None = None, replace: bool = False) -> str:
        """Make a key for an account; the key is not kept anywhere. Where `replace`, the account's old one ends.

        Raises:
            BadInput: a name of other characters than letters, digits, `_` and `-`, or longer than 64.
            Conflict: the account has a key that is let in, and it is not to be replaced.
            BadSetting, Unavailable: the file cannot be written, or another writer does not come to an end.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name!r} cannot name an account.", "Use up to 64 letters, digits, _ and -.")
        key = f"{name}.{secrets.token_urlsafe(32)}"
        account = Account(name, _hash(key), admin, expires.isoformat() if expires else "")
        with self._only_writer() as accounts:
            known = accounts.get(name)
            if known and not replace and not known.is_expired(datetime.now(UTC)):
                hint = "Choose another name, or type --replace: the old key is refused from then on."
                raise Conflict(f"The account {name!r} has a key already.", hint)
            self._write({**accounts, name: account})
        return key

    def remove(self, name: str) -> None:
        """Forget an account: its key is refused from then on.

        Raises:
            NotFound: there is no such account.
            Unavailable: another writer does not come to an end.
        """
        with self._only_writer() as accounts:
            if name not in accounts:
                raise NotFound(f"There is no account {name!r}.", "See `evergreen key list`.")
            self._write({each: account for each, account in accounts.items() if each != name})
        (self._used / name).unlink(missing_ok=True)

    def verify(self, key: str) -> Account:
        """The account whose key this is. An unknown name takes as long as a wrong secret.

        Raises:
            KeyRefused: nobody's key, or one whose time is over.
        """
        account = self.accounts().get(key.partition(".")[0])
        fits = hmac.compare_digest(_hash(key), account.sha256 if account else _NOBODY)
        if account is None or not fits:
            raise KeyRefused("This key is not known here.", "Ask for one: `evergreen key add NAME`.")
        if account.is_expired(datetime.now(UTC)):
            raise KeyRefused(f"This key expired at {account.expires}.", "Ask for a new one: `evergreen key add NAME`.")
        self._note_use(account.name)
        return account

    def last_used(self, name: str) -> datetime | None:
        """When the account's key last let somebody in, to the minute; None: never."""
        try:
            return datetime.fromtimestamp((self._used / name).stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    def _note_use(self, name: str) -> None:
        now = time.monotonic()
        if now - self._noted.get(name, float("-inf")) < USE_SECONDS:
            return
        self._noted[name] = now
        with suppress(OSError):  # where nothing can be written, as on a full disk, keys still let in
            self._used.mkdir(mode=0o700, exist_ok=True)
            (self._used / name).touch(mode=0o600)

    @contextmanager
    def _only_writer(self) -> Iterator[dict[str, Account]]:
        """The accounts as they stand, while nobody else changes them."""
        require_writable(self._file.parent)
        try:
            with FileLock(self._file.with_suffix(".lock"), timeout=PATIENCE, mode=0o600):
                yield self._read() if self._file.exists() else {}
        except Timeout:
            raise Unavailable("The keys are being written by another process.", "Try again.") from None

    def _write(self, accounts: dict[str, Account]) -> None:
        aside = self._file.with_suffix(".tmp")
        aside.unlink(missing_ok=True)  # what a kill left behind
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            json.dump([asdict(each) for each in accounts.values()], stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(self._file)


def _account(values: dict[str, Any]) -> Account:
    """An account as `add` wrote it.

    Raises:
        ValueError, TypeError: it is not: a word where it says who is an administrator would make one.
    """
    account = Account(**values)
    written = _NAME.fullmatch(account.name) and _SHA256.fullmatch(account.sha256) and isinstance(account.admin, bool)
    if not written or (account.expires and datetime.fromisoformat(account.expires).tzinfo is None):
        raise ValueError(f"the account {account.name!r} is not as it was written")
    return account


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()

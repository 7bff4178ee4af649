"""Where deliveries lie: paths, web addresses, and what is neither."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from s3fs import S3FileSystem

from evergreen.adapters.bars.remote_files import files_at
from evergreen.adapters.models.delivery_file import address_of, fetch, name_of, table_of
from evergreen.errors import BadInput, BadSetting, Unavailable, UnreadableFile

CSV = b"ticker,session,forecast,known_at\nAAPL,2016-01-04,0.01,2016-01-04T21:30:00Z\n"


class _Quiet(SimpleHTTPRequestHandler):
    paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.paths.append(self.path)
        super().do_GET()

    def log_message(self, *words: object) -> None:
        """Nothing: the test's output is no access log."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A web server of the folder, at its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_fetch__reads_a_path_and_a_web_address_as_they_stand(site: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    for content in (CSV, CSV + CSV):
        file.write_bytes(content)
        assert fetch(str(file)) == fetch(f"{site}/mine.csv") == content


def test_fetch__says_what_does_not_answer(site: str, tmp_path: Path) -> None:
    for place in (f"{site}/none.csv", str(tmp_path / "none.csv"), str(tmp_path), "gopher://example/mine.csv"):
        with pytest.raises(UnreadableFile, match="cannot be read"):
            fetch(place)
    with pytest.raises(UnreadableFile, match="Cannot connect"):
        fetch("http://127.0.0.1:9/mine.csv")


def test_address_of__a_path_is_kept_from_the_root_and_an_account_is_not_kept(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert address_of("mine.csv") == str(tmp_path / "mine.csv")
    assert address_of("s3://bucket/mine.csv") == "s3://bucket/mine.csv"
    with pytest.raises(BadInput, match="carries an account"):
        address_of("https://me:secret@example.org/mine.csv")


@pytest.mark.parametrize(
    ("place", "is_open"),
    [
        ("https://example.org/mine.csv?token=SECRET", False),
        ("HTTPS://example.org/mine.csv?a=$DESK&sig=SECRET", False),
        ("https://example.org?SECRET", False),
        ("https://example.org/mine.csv?token=$DESK", True),
        ("https://example.org/mine.csv?$DESK", True),
        ("https://example.org/mine.csv?a=$DESK&$OTHER", True),
    ],
)
def test_address_of__a_query_that_could_be_a_token_is_not_kept(place: str, is_open: bool) -> None:
    if is_open:
        assert address_of(place) == place and name_of(place) == "mine.csv"
        return
    with pytest.raises(BadSetting, match=r"carries a query.*\?token=\$NAME") as refused:
        address_of(place)
    assert "SECRET" not in str(refused.value)


def test_fetch__takes_a_token_from_the_environment_and_says_it_nowhere(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.csv").write_bytes(CSV)
    place = f"{site}/mine.csv?token=$DESK"
    with pytest.raises(UnreadableFile, match=r"names DESK, which is not set here"):
        fetch(place)
    monkeypatch.setenv("DESK", "SECRET")
    assert fetch(place) == CSV
    assert "/mine.csv?token=SECRET" in _Quiet.paths
    for gone in (f"{site}/none.csv?token=$DESK", "http://127.0.0.1:9/mine.csv?token=$DESK"):
        with pytest.raises(UnreadableFile, match=r"\$DESK cannot be read: \w+\.") as refused:
            fetch(gone)
        assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing", b'a,b\n"1'])
def test_table_of__what_is_no_table_is_one_sentence(content: bytes) -> None:
    with pytest.raises(UnreadableFile, match="mine is no table"):
        table_of(content, "mine")


def test_fetch__a_bucket_without_credentials_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    S3FileSystem.clear_instance_cache()  # one that a test before has let in stays so
    with pytest.raises(UnreadableFile, match="Unable to locate credentials"):
        fetch("s3://a-bucket-of-nobody/mine.csv")
    with pytest.raises(Unavailable, match="Unable to locate credentials"):
        files_at("s3://a-bucket-of-nobody/bars")
    S3FileSystem.clear_instance_cache()


def test_table_of__each_column_keeps_its_name_and_no_line_is_shifted() -> None:
    twice = table_of(b"ticker, forecast ,forecast\nAAPL,1,2\n", "mine")
    assert list(twice.columns) == ["ticker", "forecast", "forecast"]
    assert twice.to_numpy().tolist() == [["AAPL", "1", "2"]]
    with pytest.raises(UnreadableFile, match="Expected 2 fields in line 2, saw 3"):
        table_of(b"ticker,forecast\nAAPL,1,\n", "mine")

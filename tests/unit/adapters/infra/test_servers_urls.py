from __future__ import annotations

import pytest

from evergreen.adapters.infra.servers import look_at_postgresql, look_at_redis
from evergreen.errors import BadSetting


@pytest.mark.parametrize(
    "url", ["zzz", "redis://h:notaport/0", "redis://[::1", "redis://u:secret@127.0.0.1:9?socket_timeout=x"]
)
def test_look_at_redis__what_is_no_url_of_it_is_said(url: str) -> None:
    with pytest.raises(BadSetting, match="is no URL of Redis") as refused:
        look_at_redis(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@127.0.0.1:9/x?foo=bar",
        "postgresql://127.0.0.1:9/x?user=u&password=secret&foo=bar",
        "postgresql://[::1/x",
        "postgresql://a b/x",
        "postgresql://u:secret%zz@h/x",
    ],
)
def test_look_at_postgresql__what_is_no_url_of_it_is_said(url: str) -> None:
    with pytest.raises(BadSetting, match="is no URL of PostgreSQL") as refused:
        look_at_postgresql(url)
    assert "secret" not in str(refused.value)

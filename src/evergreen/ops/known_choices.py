"""Whether there is what the settings name, asked before anything is started on them."""

from __future__ import annotations

from evergreen.adapters.infra.urls import is_postgresql, is_redis, is_wellformed, without_password
from evergreen.errors import BadSetting
from evergreen.settings import Settings

SERVERS = {
    "prefect_database": (is_postgresql, "postgresql://user:password@host/name"),
    "mlflow_database": (is_postgresql, "postgresql://user:password@host/name"),
    "prefect_messages": (is_redis, "redis://host:6379/0"),
}


def require_known_choices(settings: Settings) -> str:
    """Pass if exchange, source, target, policy and the addresses of servers can be what they are set to; says what.

    No server and no file of bars is opened.

    Raises:
        BadSetting: the first that cannot.
    """
    from evergreen.adapters.bars import open_source
    from evergreen.adapters.database.engine import checked_url
    from evergreen.adapters.feast.servers import Servers
    from evergreen.core.bars.calendar import Calendar
    from evergreen.core.model.targets.registry import named_target

    market = settings.market
    zone = Calendar(market.calendar).zone
    open_source(market.source, market.calendar)
    named_target(settings.target)
    policy = settings.delivery_policy()
    checked_url(settings.database)
    Servers(settings.feature_registry, settings.online_store)
    for name, (is_one, example) in SERVERS.items():
        url = getattr(settings, name)
        if url and not (is_one(url) and is_wellformed(url)):
            raise BadSetting(f"the setting {name}, {without_password(url)!r}, cannot be used.", f"Give {example}.")
    source = without_password(market.source)
    return f"{market.calendar} ({zone}), bars from {source}, target {settings.target}, policy {policy.name}"

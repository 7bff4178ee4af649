"""The policies that come with Evergreen; their text is read by whoever needs it."""

from importlib.resources import files

SHIPPED = files("evergreen.core.policy") / "policies.toml"

"""The operational database: who serves what, why, what was answered, and what came true.

`open_database(url)` gives the engine; the modules beside it are its tables: `rollouts`, `decisions`,
`predictions`, `evidence`, `requests`, `trials`, `ledger`. Writes go through `writing(engine)`, reads through
`reading(engine)`.
"""

from evergreen.adapters.database.engine import check, migrate_database, open_database, reading, writing

__all__ = ["check", "migrate_database", "open_database", "reading", "writing"]

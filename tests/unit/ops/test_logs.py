from __future__ import annotations

from pathlib import Path

from evergreen.ops.logs import follow_logs


def test_follow_logs__brings_whole_lines_written_from_now_on(tmp_path: Path) -> None:
    file = tmp_path / "worker.log"
    file.write_text("before\n")
    following = follow_logs({"worker": file})
    with file.open("a") as log:
        log.write("one\nha")
        log.flush()
        assert next(following) == ("worker", "one")
        log.write("lf\n")
        log.flush()
        assert next(following) == ("worker", "half")

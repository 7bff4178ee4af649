"""What a challenger must bring besides forecasts: an audit of its training set, and a record it follows on from."""

from __future__ import annotations

from dataclasses import replace

from evergreen.core.dataset.look_ahead_audit import Audit
from evergreen.core.gate.verdict import Verdict
from evergreen.core.model.continuity import Continuity
from evergreen.core.model.manifest import Manifest


def require_audit(verdict: Verdict, manifest: Manifest) -> Verdict:
    """The verdict, refused if the look-ahead audit of the challenger's training set is missing or not passed."""
    reason = _audit_refusal(manifest)
    return verdict if reason is None else _refused(verdict, reason)


def require_continuity(verdict: Verdict, continuity: Continuity | None) -> Verdict:
    """The verdict, refused if the final model does not follow on its record's models; None: it was not measured."""
    objection = continuity.objection if continuity else ""
    return _refused(verdict, objection) if objection else verdict


def _refused(verdict: Verdict, reason: str) -> Verdict:
    return replace(verdict, admitted=False, better=False, reasons=(reason, *verdict.reasons))


def _audit_refusal(manifest: Manifest) -> str | None:
    if manifest.is_delivered:  # it has no feature of ours; each forecast was held against its session's deadline
        return None
    if manifest.audit is None:
        return "its training set was never audited for look-ahead"
    audit = Audit.from_dict(manifest.audit)
    if audit.training_set_sha256 != manifest.training_set_sha256:
        return "its training set was changed after the look-ahead audit"
    if audit.features != len(manifest.feature_names):
        return f"{audit.features} features were audited for look-ahead, the model has {len(manifest.feature_names)}"
    return None if audit.passed else audit.sentence.rstrip(".")

"""One message when something begins to fail and one when it has recovered."""

from buddies_assets.alerts.incidents import Incidents


def test_a_failure_is_told_once_and_so_is_its_recovery():
    quiet = Incidents()
    failing, told = quiet.update({"check a": "fails"})
    assert [(m.subject, m.recovered) for m in told] == [("check a", False)]
    still, told = failing.update({"check a": "fails in another run"})
    assert told == []
    well, told = still.update({})
    assert [(m.subject, m.recovered) for m in told] == [("check a", True)]
    assert well.open == {}
    again, told = well.update({"check a": "fails"})
    assert len(told) == 1
    assert again.open == {"check a": "fails"}


def test_an_incident_that_was_not_looked_at_stays_open():
    failing, _ = Incidents().update({"check a": "fails", "check b": "fails"})
    after, told = failing.update({}, known={"check a"})
    assert [m.subject for m in told] == ["check a"]
    assert set(after.open) == {"check b"}

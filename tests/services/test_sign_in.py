"""Signing in: who is let in, who is not, and that guessing stays slow while right passwords never are."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, update

from extensions import db
from models import Event, KnownAddress, Role, Session, SignInFailure, User
from providers.base import utcnow
from services import actors, sessions, sign_in, store, throttle, users
from services.errors import Refused
from services.sessions import Browser
from services.throttle import TooManyTries
from tests.conftest import PASSWORD

VISITOR = actors.Actor(id=None, name="Visitor", permissions=frozenset(), address="203.0.113.5")
EMAIL = "ada@patchpanel.example"
WRONG = "surely not the right one"


def attempt(email: str = EMAIL, password: str = PASSWORD, address: str = "203.0.113.5") -> sessions.Started:
    return sign_in.sign_in(VISITOR, email=email, password=password, browser=Browser(address=address, agent="test"))


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    return make_user(role=Role.RESPONDER, email=EMAIL, name="Ada Lovelace")


def actions() -> list[str]:
    return list(db.session.execute(select(Event.action).order_by(Event.id)).scalars())


def use_up(times: int, **how: str) -> None:
    for _ in range(times):
        with pytest.raises(Refused):
            attempt(password=WRONG, **how)


def test_the_right_password_lets_in_and_is_written_down(ada: User) -> None:
    started = attempt(email=" ADA@Patchpanel.example ")
    assert sessions.find(started.token) is not None
    assert started.row.user.email == EMAIL
    assert started.row.user.last_sign_in_at is not None
    assert actions()[-1] == "sign_in.succeeded"
    assert db.session.execute(select(func.count()).select_from(SignInFailure)).scalar_one() == 0


def test_only_the_hash_of_the_cookie_is_stored(ada: User) -> None:
    started = attempt()
    assert started.row.token_hash == sessions.digest(started.token)
    assert len(started.token) >= 43


@pytest.mark.parametrize("email", [EMAIL, "nobody@patchpanel.example"])
def test_wrong_and_unknown_get_the_same_answer(ada: User, email: str) -> None:
    with pytest.raises(Refused) as refused:
        attempt(email=email, password=WRONG)
    assert str(refused.value) == sign_in.WRONG
    assert actions()[-1] == "sign_in.refused"


def test_what_was_typed_for_an_unknown_account_is_not_written_down(app: Flask) -> None:
    with pytest.raises(Refused):
        attempt(email="my secret passphrase", password=WRONG)
    texts = [str(row) for row in db.session.execute(select(Event.target, Event.details))]
    assert not any("secret" in text for text in texts)
    keys = db.session.execute(select(SignInFailure.key)).scalars()
    assert all(len(key) == 64 for key in keys)


def test_disabled_people_are_answered_like_unknown_ones(ada: User) -> None:
    users.change(actors.COMMAND_LINE, ada.id, role=Role.RESPONDER, active=False)
    with pytest.raises(Refused, match=r"wrong\."):
        attempt()


def test_somebody_without_a_password_cannot_sign_in(app: Flask) -> None:
    users.invite(actors.COMMAND_LINE, email=EMAIL, name="Ada", role=Role.MEMBER)
    for password in ("", "None", WRONG):
        with pytest.raises(Refused):
            attempt(password=password)


def test_ten_wrong_tries_are_compared_and_no_more(ada: User) -> None:
    use_up(10)
    with pytest.raises(TooManyTries) as refusal:
        attempt()
    assert 200 < refusal.value.seconds <= 300
    assert refusal.value.wait == "Wait 5 minutes and try again."
    assert actions().count("sign_in.throttled") == 1
    with pytest.raises(TooManyTries):
        attempt()
    assert actions().count("sign_in.throttled") == 1


def test_an_unknown_account_is_throttled_just_the_same(app: Flask) -> None:
    use_up(10, email="nobody@patchpanel.example")
    with pytest.raises(TooManyTries):
        attempt(email="nobody@patchpanel.example")


def test_other_accounts_are_not_touched(ada: User, make_user: Callable[..., User]) -> None:
    make_user(role=Role.MEMBER, email="grace@patchpanel.example")
    use_up(10)
    assert attempt(email="grace@patchpanel.example").row.user.email == "grace@patchpanel.example"


def test_after_five_minutes_the_next_try_counts_again(ada: User) -> None:
    use_up(10)
    with store.write() as session:
        session.execute(update(SignInFailure).values(at=utcnow() - dt.timedelta(minutes=5, seconds=1)))
    assert attempt().row.user.email == EMAIL


def test_right_passwords_are_never_counted(ada: User) -> None:
    for _ in range(15):
        attempt()
    use_up(9)
    for _ in range(5):
        attempt()


def test_guessing_from_elsewhere_locks_nobody_out(ada: User) -> None:
    attempt(address="198.51.100.7")
    for number in range(10):
        use_up(1, address=f"203.0.113.{number}")
    with pytest.raises(TooManyTries):
        attempt(address="203.0.113.99")
    assert attempt(address="198.51.100.7").row.user.email == EMAIL


def test_a_known_address_has_an_allowance_too(ada: User) -> None:
    attempt()
    use_up(10)
    with pytest.raises(TooManyTries):
        attempt()


def test_addresses_are_kept_as_hashes(ada: User) -> None:
    attempt()
    known = db.session.execute(select(KnownAddress)).scalar_one()
    assert known.user_id == ada.id
    assert len(known.address_hash) == 64


def test_one_address_may_be_wrong_a_hundred_times(ada: User) -> None:
    now = utcnow()
    with store.write() as session:
        session.add_all(
            SignInFailure(key=throttle.key_of("address", "203.0.113.5"), at=now) for _ in range(throttle.PER_ADDRESS)
        )
    with pytest.raises(TooManyTries):
        attempt()
    assert attempt(address="198.51.100.7").row.user.email == EMAIL


def test_a_new_password_from_the_command_line_forgives_wrong_tries(ada: User) -> None:
    use_up(10)
    users.reset_password(actors.COMMAND_LINE, EMAIL, "another long sentence 8")
    assert attempt(password="another long sentence 8").row.user.email == EMAIL


def in_threads(app: Flask, number: int, work: Callable[[int], object]) -> list[object]:
    """Run `work` at the same moment in threads, each with an application context of its own."""
    gate = threading.Barrier(number)

    def run(position: int) -> object:
        with app.app_context():
            gate.wait()
            try:
                return work(position)
            except (Refused, TooManyTries) as error:
                return type(error)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(run, range(number)))


def test_of_twenty_wrong_tries_at_once_ten_are_compared(ada: User, app: Flask) -> None:
    store.release()
    answers = in_threads(app, 20, lambda number: attempt(password=WRONG, address=f"203.0.113.{number}"))
    assert answers.count(Refused) == 10
    assert answers.count(TooManyTries) == 10


def test_twenty_right_tries_at_once_are_all_let_in(ada: User, app: Flask) -> None:
    store.release()
    answers = in_threads(app, 20, lambda _: attempt())
    assert all(isinstance(answer, sessions.Started) for answer in answers)


def test_a_reservation_nobody_came_back_to_counts_as_wrong(ada: User) -> None:
    for _ in range(10):
        throttle.reserve(EMAIL, "203.0.113.5")
    with store.write() as session:
        session.execute(update(SignInFailure).values(at=utcnow() - throttle.PATIENCE - dt.timedelta(seconds=1)))
    with pytest.raises(TooManyTries):
        attempt()


def test_long_past_rows_are_removed_by_the_next_right_password(ada: User) -> None:
    use_up(3)
    with store.write() as session:
        session.execute(update(SignInFailure).values(at=utcnow() - dt.timedelta(days=2)))
    attempt()
    assert db.session.execute(select(func.count()).select_from(SignInFailure)).scalar_one() == 0


def test_the_eleventh_browser_ends_the_oldest(ada: User) -> None:
    started = [attempt() for _ in range(11)]
    assert sessions.find(started[0].token) is None
    assert all(sessions.find(one.token) is not None for one in started[1:])


def test_signing_in_again_ends_the_browsers_earlier_session(ada: User) -> None:
    first = attempt()
    second = sign_in.sign_in(VISITOR, email=EMAIL, password=PASSWORD, browser=Browser("203.0.113.5", "", first.token))
    assert sessions.find(first.token) is None
    assert sessions.find(second.token) is not None


@pytest.mark.parametrize(
    ("column", "age"), [("seen_at", sessions.IDLE), ("created_at", sessions.ABSOLUTE)], ids=["idle", "absolute"]
)
def test_a_session_ends_by_itself(ada: User, column: str, age: dt.timedelta) -> None:
    started = attempt()
    with store.write() as session:
        session.execute(update(Session).values({column: utcnow() - age - dt.timedelta(seconds=1)}))
    assert sessions.find(started.token) is None
    with store.write() as session:
        session.execute(update(Session).values({column: utcnow() - age + dt.timedelta(minutes=1)}))
    assert sessions.find(started.token) is not None


def test_a_session_ends_with_its_user(ada: User) -> None:
    started = attempt()
    with store.write() as session:
        session.execute(delete(User).where(User.id == ada.id))
    assert sessions.find(started.token) is None
